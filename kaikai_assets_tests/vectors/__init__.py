"""Published reference values."""

import json
from pathlib import Path
from typing import Any

AIR: dict[str, Any] = json.loads((Path(__file__).parent / "air.json").read_text(encoding="utf-8"))
