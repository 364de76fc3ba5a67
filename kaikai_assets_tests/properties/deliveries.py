"""Random deliveries of a small air network: three sources and a registry, with all that goes wrong in the field.

Files arrive on the evening of 31 March 2025, so that some readings are ahead of their arrival, and local days in Paris
change length the day before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

ARRIVAL = datetime(2025, 3, 31, 23, 50, tzinfo=UTC)
DAYS = [date(2025, 3, 29) + timedelta(days=n) for n in range(4)]

ATTIC = """\
source: attic
format: csv
separator: ";"
decimal: ","
grain: instant
entity: {column: ident}
time: {column: when, formats: ["%d/%m/%Y %H:%M"], timezone: Europe/Paris}
columns:
  pm25: {from: fine dust, unit: mg/m³}
  temperature: {from: warmth, unit: degF}
missing: ["", "-"]
"""
"""A second source of readings: other units, decimal commas, local times."""

HEADERS = {
    "kaikai_csv": "sensor_id,timestamp,pm25,temperature,humidity,co2",
    "attic": "ident;when;fine dust;warmth",
    "openaq_long": "location_id,datetimeUtc,parameter,value",
    "kaikai_sensors": "sensor_id,location_name,location_type,latitude,longitude,installation_date,timezone,"
    "expected_interval_s,valid_from,sensor_type,status",
}
READINGS = ("kaikai_csv", "attic", "openaq_long")


@dataclass(frozen=True)
class File:
    """A file for the inbox; its folder is its source."""

    source: str
    lines: tuple[str, ...]

    @property
    def content(self) -> str:
        return "".join(f"{line}\n" for line in (HEADERS[self.source], *self.lines))

    @property
    def records(self) -> int:
        return sum(bool(line) for line in self.lines)


def files_of(lines: Iterable[tuple[str, str]], size: int) -> list[File]:
    """Lines of each source in files of at most ``size`` lines, in their order."""
    found = []
    by_source: dict[str, list[str]] = {}
    for source, line in lines:
        by_source.setdefault(source, []).append(line)
    for source, of_source in by_source.items():
        found += [File(source, tuple(of_source[n : n + size])) for n in range(0, len(of_source), size)]
    return found


# Times of both sides of midnight, of the hour that Paris skips, before and after arrival.
_CLOCKS = ["00:00:00", "00:30:00", "01:00:00", "12:00:00", "12:30:00", "22:00:00", "23:00:00", "23:59:59.999999"]
_INSTANTS = [f"{day}T{clock}Z" for day in DAYS for clock in _CLOCKS]
_SAME = {"2025-03-30T00:00:00+01:00": "2025-03-29T23:00:00Z", "2025-03-29T23:30:00-00:30": "2025-03-30T00:00:00Z"}
_SLIGHTLY_AHEAD = ["2025-04-01T00:00:00Z", "2025-04-01T00:05:00Z", "2025-04-01T00:05:01Z"]
_UNUSABLE = ["", "soon", "2025-13-45T00:00:00Z", "1970-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "2025-04-02T00:00:00Z"]
_WALLS = [f"{day:%d/%m/%Y} {clock[:5]}" for day in DAYS for clock in (*_CLOCKS, "02:30")]

USUAL = ["2025-03-29T23:00:00Z", "2025-03-30T00:00:00Z", "2025-03-30T12:00:00Z", "2025-03-31T02:00:00Z"]
_USUAL_WALLS = ["30/03/2025 00:00", "30/03/2025 01:00", "30/03/2025 14:00"]
_HOURS = [f"{day}T{hour:02d}:00:00Z" for day in DAYS for hour in (0, 2, 12, 23)]


def _mostly(usual: list[str], others: Iterable[str]) -> st.SearchStrategy[str]:
    """Few values most of the time: records must meet to contradict, repeat or correct each other."""
    often = st.sampled_from(usual)
    return st.one_of(often, often, st.sampled_from([*usual, *others]))


times = _mostly(USUAL, [*_INSTANTS, *_SAME, *_SLIGHTLY_AHEAD, *_UNUSABLE])
walls = _mostly(_USUAL_WALLS, [*_WALLS, "", "30/03/2025"])
hours = _mostly(USUAL, [*_HOURS, "2025-03-30T12:07:00Z", ""])
sensors = _mostly(["S1"], ["S2", "S3", ""])
cells = _mostly(["1", "36.5", "40"], ["40.0", "600", "", "NA", "-1", "x", "99999", "1e3", "inf", "-0.0"])
fields = _mostly(["0,001", "0,04", "98,6"], ["9", "", "-", "-1", "1.000", "x"])
parameters = _mostly(["pm25"], ["temperature", "so2", ""])
zones = _mostly(["Europe/Paris", "America/New_York", "Pacific/Kiritimati"], ["", "Asia/Kolkata", "Moon/Base"])
intervals = _mostly(["1800", "3600"], ["", "300", "7200", "0", "often"])
froms = _mostly([""], ["2025-03-30", "2025-03-31", "some day"])
damage = st.sampled_from(
    ["", "S1", "S1,,1,1,1,1", ",,,,,", '"S1,2025-03-30T00:00:00Z,1,2,3,4', "S1;;;;;", "a,b,c,d,e,f,g,h,i,j"]
)


def _line(separator: str, *values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(separator.join, st.tuples(*values))


lines: dict[str, st.SearchStrategy[str]] = {
    "kaikai_csv": _line(",", sensors, times, cells, cells, st.just("50"), st.just("400")),
    "attic": _line(";", sensors, walls, fields, fields),
    "openaq_long": _line(",", _mostly(["7"], ["8", ""]), hours, parameters, cells),
    "kaikai_sensors": _line(
        ",",
        _mostly(["S1", "OAQ-7"], ["S2", ""]),
        *[st.just(text) for text in ("Dakar - Plateau", "Urban", "14.69", "-17.44", "2024-01-15")],
        zones,
        intervals,
        froms,
        _mostly([""], ["airgradient", "kaikai"]),
        _mostly([""], ["test", "retired", "odd"]),
    ),
}


@st.composite
def files(draw: st.DrawFn, sources: Sequence[str] = (*READINGS, *HEADERS)) -> File:
    """Any file of some sources: contradictions, repetitions, damage; at times without records."""
    source = draw(st.sampled_from(sources))
    return File(source, tuple(draw(st.lists(st.one_of(*[lines[source]] * 5, damage), max_size=6))))


def settled(source: str, line: str) -> str:
    """A line whose values follow from its sensor and time, so that no two deliveries contradict each other.

    Each source has its own sensors; a cell without a usable value stays as it is.
    """
    values = line.split(";" if source == "attic" else ",")
    width = HEADERS[source].count(";" if source == "attic" else ",") + 1
    if len(values) != width or '"' in line:
        return line
    if source == "kaikai_sensors":
        chosen = sum(map(ord, values[0] + values[8]))
        zone = ["", "Europe/Paris", "America/New_York", "Pacific/Kiritimati"][chosen % 4]
        make, status = ["", "airgradient"][chosen % 2], ["", "test", "retired"][chosen % 3]
        return ",".join([*values[:6], zone, ["", "1800", "3600"][chosen % 3], values[8], make, status])
    instant = _SAME.get(values[1], values[1])
    value = sum(map(ord, values[0] + instant)) % 50
    if source == "attic":
        kept = [f"{value / 1000:.3f}".replace(".", ",") if _is_number(text) else text for text in values[2:]]
        return ";".join([f"A{values[0]}" if values[0] else "", values[1], *kept])
    if source == "openaq_long":
        return ",".join([*values[:3], str(value) if _is_number(values[3]) else values[3]])
    return ",".join([*values[:2], *(str(value) if _is_number(text) else text for text in values[2:])])


def _is_number(text: str) -> bool:
    # Also of what is impossible in one column and usable in another; 99999 is usable in none.
    try:
        return abs(float(text.replace(",", "."))) < 99999
    except ValueError:
        return False


_settled = st.sampled_from(sorted(lines)).flatmap(
    lambda source: st.tuples(st.just(source), lines[source].map(lambda line: settled(source, line)))
)
settled_lines = st.one_of(_settled, _settled, st.tuples(st.sampled_from(READINGS), damage))
"""``(source, line)`` without contradictions, at times damaged."""
