"""The build system for days: steps, digests, what is pending, and the runner that brings targets up to date.

Belongs here: when a target is built and how its build is committed. Does not belong here: what its rows are (a
domain's transforms), Dagster.
"""
