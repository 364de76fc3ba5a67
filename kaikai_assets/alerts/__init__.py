"""Alerts: rules as data, states over event time, episodes. Pure.

Belongs here: what opens, keeps and closes an alert, for all domains. Does not belong here: a domain's rules, storage.
"""
