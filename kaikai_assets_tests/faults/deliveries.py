"""Two small deliveries of air quality: the second one changes, repeats and contradicts the first."""

from pathlib import Path

from kaikai_assets.domains.air.domain import AIR

HEADER = "sensor_id,timestamp,pm25,temperature,humidity,co2\n"
DAYS = ("2025-03-01", "2025-03-02")
_SENSORS = "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone\n"


def first_delivery(root: Path) -> None:
    """A registry and a file for each of two days."""
    put(root, "kaikai_sensors/sensors.csv", _SENSORS + _sensor("S1", "Africa/Dakar") + _sensor("S2", "Africa/Dakar"))
    for day in DAYS:
        put(root, f"{day}.csv", day_of(day))


def second_delivery(root: Path) -> None:
    """A late file, a redelivery, a file that cannot be read, a sensor that moved, and days told in another way."""
    put(root, "late.csv", HEADER + "".join(f"S1,{DAYS[0]}T12:{minute:02d}:30Z,400,25,50,500\n" for minute in range(30)))
    put(root, "again.csv", day_of(DAYS[1]))
    put(root, "odd.csv", "x,y\n1,2\n")
    put(root, "kaikai_sensors/moved.csv", _SENSORS + _sensor("S2", "Europe/Paris"))
    described = root / "sources" / "air" / "kaikai_csv.yaml"
    described.parent.mkdir(parents=True)
    shipped = (AIR.sources / described.name).read_text(encoding="utf-8")
    described.write_text(shipped.replace("formats: [iso]", 'formats: [iso, "%d.%m.%Y %H:%M"]'), encoding="utf-8")


def day_of(day: str, pm25: float = 20.0) -> str:
    """A day of two sensors, a reading each 10 minutes, one record repeated and one with a cell that is no number."""
    rows = [
        f"{sensor},{day}T{hour:02d}:{minute:02d}:00Z,{pm25 + hour},25,50,500\n"
        for sensor in ("S1", "S2")
        for hour in range(24)
        for minute in range(0, 60, 10)
    ]
    return "".join([HEADER, *rows, rows[0], f"S1,{day}T12:05:00Z,high,25,50,500\n"])


def put(root: Path, name: str, content: str | bytes) -> Path:
    """Put a file into the air inbox; files arrive in the order in which they are put."""
    path = root / "inbox" / "air" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _sensor(name: str, zone: str) -> str:
    return f"{name},A school,School,14.7,-17.4,2024-01-15,{zone}\n"
