"""What landed and what was built, in SQL (SQLite on a local disk, PostgreSQL for several hosts).

Belongs here: tables and statements. Does not belong here: what a digest is made of (``build``), files, Dagster.
"""
