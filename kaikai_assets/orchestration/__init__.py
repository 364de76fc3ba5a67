"""What Dagster shows and runs of a domain: assets, checks, jobs, sensors. Thin: it calls the platform and logs.

Belongs here: Dagster. Does not belong here: what is built, when it is pending, what its rows are.
"""
