"""Published reference values."""

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent

AIR: dict[str, Any] = json.loads((_HERE / "air.json").read_text(encoding="utf-8"))
VITALS: dict[str, Any] = json.loads((_HERE / "vitals.json").read_text(encoding="utf-8"))
