"""The registry of patients, and what was set aside of its files."""

import pandera.polars as pa
import polars as pl

from kaikai_assets.quality.fields import ARRIVAL, KEY
from kaikai_assets.quality.quarantine import RegistryQuarantine

GENOTYPES = ("SS", "AS", "SC")


class Patients(pa.DataFrameModel):
    """Registry of patients: one row for each patient and period, valid in [valid_from, valid_to)."""

    patient_id: str = pa.Field(description="Patient, by a pseudonym", metadata=KEY)
    valid_from: pl.Date = pa.Field(nullable=True, description="First day; null is since ever", metadata=KEY)
    valid_to: pl.Date = pa.Field(nullable=True, description="Day after the last; null is until further notice")
    genotype: str = pa.Field(nullable=True, isin=list(GENOTYPES), description="Genotype of sickle-cell disease")
    birth_month: pl.Date = pa.Field(nullable=True, description="First day of the month of birth: no day is kept")
    expected_interval_s: float = pa.Field(
        nullable=True, gt=0, le=86_400, description="Seconds between readings; 60 where null", metadata={"unit": "s"}
    )
    timezone: str = pa.Field(nullable=True, description="IANA time zone of the patient")
    source: str = pa.Field(description="Source of the leading record", metadata=ARRIVAL)

    class Config:
        strict = True


class PatientsQuarantine(RegistryQuarantine):
    """Registry records and cells that were set aside: where they stand and why, never what they say."""

    patient_id: str = pa.Field(
        nullable=True, description="Patient, by a pseudonym, where the record names one", metadata=KEY
    )

    class Config:
        strict = True
