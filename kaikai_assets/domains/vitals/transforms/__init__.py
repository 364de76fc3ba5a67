"""The vitals tables as pure functions from frames to frames, one module for each table."""
