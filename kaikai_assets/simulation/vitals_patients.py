"""Simulated patients. No such person exists: every id starts with ``sim-``."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kaikai_assets.simulation.streams import Stream

Form = Literal["nested", "flat"]

REGISTRY_COLUMNS = ("patient_id", "genotype", "birth_date", "expected_interval_s", "timezone")

# Up to this age (years): usual heart rate and respiratory rate (1/min).
_BY_AGE = ((6, 110.0, 26.0), (13, 94.0, 22.0), (18, 80.0, 17.0), (200, 75.0, 16.0))
# Usual oxygen saturation (%) and crises a patient and day.
_BY_GENOTYPE = {"SS": (95.5, 0.15), "SC": (96.5, 0.08), "AS": (97.5, 0.02)}


@dataclass(frozen=True)
class SimPatient:
    """A patient, the device it wears and the form of that device's messages; what is usual for the patient."""

    patient_id: str
    device_id: str
    form: Form
    genotype: str
    birth_date: date
    freq_card: float
    freq_resp: float
    spo2_pct: float
    temp_corp: float
    pct_hydratation: float
    crises_per_day: float


def simple_patients(start: date) -> list[SimPatient]:
    """Three children at a start: SS of 8 years, AS of 15, SC of 12."""
    return [
        _patient(number, kind, age, start, 0.5)
        for number, (kind, age) in enumerate((("SS", 8), ("AS", 15), ("SC", 12)))
    ]


def medical_patients(count: int, start: date, seed: int) -> list[SimPatient]:
    """Patients of 2 to 60 years: of 20, 12 have SS, 5 SC and 3 AS."""
    genotypes = (
        "SS",
        "SS",
        "SC",
        "SS",
        "AS",
        "SS",
        "SS",
        "SC",
        "SS",
        "SS",
        "SC",
        "SS",
        "AS",
        "SS",
        "SC",
        "SS",
        "SS",
        "AS",
        "SC",
        "SS",
    )
    ages = Stream(seed, 20).uniform(count)
    return [
        _patient(
            number, genotypes[number % len(genotypes)], 2 + int(59 * age), start, Stream(seed, 21, number).uniform(1)[0]
        )
        for number, age in enumerate(ages)
    ]


def registry_csv(patients: Iterable[SimPatient], interval_s: int) -> bytes:
    """The registry file: one line a patient."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REGISTRY_COLUMNS)
    for patient in patients:
        writer.writerow([patient.patient_id, patient.genotype, patient.birth_date, interval_s, "Africa/Dakar"])
    return text.getvalue().encode()


def _patient(number: int, genotype: str, age: int, start: date, vigour: float) -> SimPatient:
    heart, breath = next((heart, breath) for below, heart, breath in _BY_AGE if age < below)
    saturation, crises = _BY_GENOTYPE[genotype]
    return SimPatient(
        patient_id=f"sim-{number + 1:04d}-{genotype.lower()}",
        device_id=f"sim-device-{number + 1:04d}",
        form="flat" if number % 2 else "nested",
        genotype=genotype,
        birth_date=date(start.year - age, 1, 1 + number % 28),
        freq_card=heart + 10 * (vigour - 0.5),
        freq_resp=breath + 2 * (vigour - 0.5),
        spo2_pct=saturation + vigour - 0.5,
        temp_corp=36.7 + 0.3 * (vigour - 0.5),
        pct_hydratation=88 + 6 * (vigour - 0.5),
        crises_per_day=crises,
    )
