"""Sensitive domains: keyed pseudonyms, raw files sealed for each patient, and what may be said of them.

Belongs here: keys, their store, sealing and opening, wording without values. Does not belong here: Dagster, a domain.
"""
