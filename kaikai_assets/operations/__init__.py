"""What an operator asks of a platform that runs: is everything right, where does a row come from, what can be removed.

Belongs here: questions and repairs over raw, ledger, lake and warehouse together. Does not belong here: what a build
needs, options and printing (``cli``), Dagster.
"""
