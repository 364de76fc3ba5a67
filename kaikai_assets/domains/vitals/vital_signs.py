"""Which metrics of the readings are aggregated and judged."""

WINDOWED = ("freq_card", "freq_resp", "spo2_pct", "temp_corp", "pct_hydratation")
"""Vital signs that windows of 5 minutes summarise."""

DAILY = (*WINDOWED, "pulse", "temp_ambiante", "heat_index", "activity", "pain")
"""Metrics that days summarise."""

JUDGED = ("freq_card", "freq_resp", "spo2_pct", "temp_corp", "pct_hydratation", "heat_index", "activity", "pain")
"""Metrics that rules may name."""
