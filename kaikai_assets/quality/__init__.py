"""What values mean: contracts, texts to typed values, merge, conservation. Pure functions from frames to frames.

Belongs here: rules that all domains share. Does not belong here: files, storage, Dagster.
"""
