"""Pictures of air days: from frames of gold to Matplotlib figures to bytes. Pure, without pyplot's global state.

Belongs here: what a picture shows. Does not belong here: where it is shown, and what is computed.
"""
