"""The report of an air day: one HTML page that needs nothing but itself. Pure.

``content`` chooses rows of the tables it reads, ``page`` writes them. Does not belong here: computing what gold holds.
"""
