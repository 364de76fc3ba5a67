"""Tables by day on Delta Lake: read a snapshot, commit days atomically together with the digest they were built from.

Belongs here: storage. Does not belong here: what a table means, when it is built, Dagster.
"""
