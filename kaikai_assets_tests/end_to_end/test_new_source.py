"""A source that the code has never heard of is added by one YAML file."""

import pytest

from kaikai_assets.domains.air.domain import AIR
from kaikai_assets.landing.sources import SourceError
from kaikai_assets.platform import Platform
from kaikai_assets_tests.end_to_end.product import build, drop, table

YAML = """
source: mairie_de_thies
description: "Stations de la ville : points-virgules, virgules décimales, °F, heure locale avec décalage."
format: csv
separator: ";"
decimal: ","
grain: PT15M
entity: {column: Capteur, prefix: "THIES-"}
time: {column: Horodatage, formats: ["%d/%m/%Y %H:%M %z"]}
columns:
  pm25: {from: "Particules fines (mg/m³)", unit: "mg/m^3"}
  temperature: {from: "Température (°F)", unit: degF}
  humidity: "Humidité (%)"
missing: ["n.d.", ""]
"""

FILE = """Capteur;Horodatage;Particules fines (mg/m³);Température (°F);Humidité (%);Remarque
12;01/06/2025 01:15 +0200;0,0125;86,0;55,5;rien
12;01/06/2025 02:30 +0200;n.d.;50,0;60;"a;b"
13;01/06/2025 02:30 +0200;0,5001;-460;;
13;01/06/2025 02:35 +0200;0,1;70;50;hors du quart d'heure
"""


def test_a_french_source_with_commas_fahrenheit_and_offsets_needs_only_yaml(platform: Platform) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    (folder / "mairie_de_thies.yaml").write_text(YAML, encoding="utf-8")
    drop(platform, "relevé.csv", FILE)
    build(platform)
    rows = table(platform, "silver/air_measurements").select(
        "sensor_id", "time", "grain", "pm25", "temperature", "humidity", "pm25_flag", "temperature_flag"
    )
    found = [(s, t.isoformat(), *rest) for s, t, *rest in rows.iter_rows()]
    assert sorted(found) == [
        ("THIES-12", "2025-05-31T23:15:00+00:00", "PT15M", 12.5, 30.0, 55.5, 1, 1),
        ("THIES-12", "2025-06-01T00:30:00+00:00", "PT15M", None, 10.0, 60.0, 9, 1),
        ("THIES-13", "2025-06-01T00:30:00+00:00", "PT15M", pytest.approx(500.1), None, None, 3, 4),
    ]
    aside = table(platform, "silver/air_quarantine").select("record", "column", "raw_value", "rule").sort("record")
    assert aside.row(0) == (4, "temperature", "-460", "impossible")
    assert aside.row(1)[0::3] == (5, "time_off_grain")


def test_a_description_that_fills_an_unknown_column_is_refused_by_name(platform: Platform) -> None:
    folder = platform.settings.data / "sources" / "air"
    folder.mkdir(parents=True)
    wrong = YAML.replace("  humidity:", "  humidite:")
    (folder / "mairie_de_thies.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(SourceError, match=r"mairie_de_thies\.yaml: columns: air has no 'humidite'"):
        platform.land(AIR)
