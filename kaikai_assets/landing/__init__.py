"""From the inbox to raw and on to bronze rows: settle, fingerprint, read any format, source descriptions.

Belongs here: everything that touches raw files. Does not belong here: what a value means (``quality``), Dagster.
"""
