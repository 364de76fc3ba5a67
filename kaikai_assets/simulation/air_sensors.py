"""The simulated network: the same sensors at the same places in every simulation, whatever the seed."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta

from kaikai_assets.simulation.streams import Stream

REGISTRY_COLUMNS = (
    "sensor_id",
    "location_name",
    "location_type",
    "latitude",
    "longitude",
    "installation_date",
    "sensor_type",
    "status",
)


@dataclass(frozen=True)
class Sensor:
    """One sensor; latitude and longitude in degrees."""

    sensor_id: str
    location_name: str
    location_type: str
    latitude: float
    longitude: float
    installation_date: date
    sensor_type: str = "kaikai"
    status: str = "active"

    @property
    def city(self) -> str:
        """Location names are written `city - place`."""
        return self.location_name.partition(" - ")[0]

    @property
    def place(self) -> str:
        return self.location_name.partition(" - ")[2]


REFERENCE_SENSORS = (
    Sensor("SENS001", "Dakar - Plateau", "Urban", 14.6937, -17.4441, date(2024, 1, 15)),
    Sensor("SENS002", "Dakar - Almadies", "Residential", 14.7481, -17.4738, date(2024, 2, 1)),
    Sensor("SENS003", "Saint-Louis - Centre Ville", "Urban", 16.0267, -16.4969, date(2024, 2, 15)),
    Sensor("SENS004", "Dakar - Médina", "Commercial", 14.6953, -17.4439, date(2024, 3, 1)),
    Sensor("SENS005", "Dakar - HLM Grand Yoff", "Residential", 14.7500, -17.4600, date(2024, 3, 15)),
)

_CITIES = (
    ("Dakar", 14.7300, -17.4500),
    ("Saint-Louis", 16.0200, -16.4900),
    ("Thiès", 14.7900, -16.9300),
    ("Diourbel", 14.6550, -16.2300),
)
_ZONES = {"School": "Ecole", "Residential": "Quartier", "Commercial": "Marché", "Urban": "Avenue"}


def kaikai_sensors(count: int) -> list[Sensor]:
    """SENS001 … : the reference sensors, then generated ones, installed in 2024; of these the first is a test."""
    generated = [_generated(number) for number in range(len(REFERENCE_SENSORS) + 1, count + 1)]
    return [*REFERENCE_SENSORS[:count], *generated]


def airgradient_sensors(count: int) -> list[Sensor]:
    """AG-900001 … : one export device (`Location ID` 900001 …) beside each of `kaikai_sensors(count)`."""
    return [
        replace(s, sensor_id=f"AG-{900001 + index}", sensor_type="airgradient")
        for index, s in enumerate(kaikai_sensors(count))
    ]


def registry_csv(sensors: Iterable[Sensor]) -> bytes:
    """The registry file: one line a sensor."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REGISTRY_COLUMNS)
    for sensor in sensors:
        *names, latitude, longitude, installed, make, status = astuple(sensor)
        writer.writerow([*names, f"{latitude:.4f}", f"{longitude:.4f}", installed.isoformat(), make, status])
    return text.getvalue().encode()


def _generated(number: int) -> Sensor:
    """Sensor `number`: cities in turn, zone types in turn once round the cities."""
    city, latitude, longitude = _CITIES[number % len(_CITIES)]
    zone, place = list(_ZONES.items())[number // len(_CITIES) % len(_ZONES)]
    north, east, days = Stream(number).uniform(3)
    return Sensor(
        f"SENS{number:03d}",
        f"{city} - {place} {number}",
        zone,
        round(latitude + 0.04 * (north - 0.5), 4),
        round(longitude + 0.04 * (east - 0.5), 4),
        date(2024, 4, 1) + timedelta(days=int(270 * days)),
        status="test" if number == len(REFERENCE_SENSORS) + 1 else "active",
    )
