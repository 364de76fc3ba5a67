"""Alerts: rules as data, states over event time, episodes; their life cycle and the messages about them. Pure.

Belongs here: what opens, keeps and closes an alert, what people's actions make of it, what is worth telling, for all
domains. Does not belong here: a domain's rules, storage, sending.
"""
