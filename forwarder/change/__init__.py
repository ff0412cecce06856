"""Changing the configuration of a gateway that nobody can walk to: in two phases, or not at all.

`pending` the files beside the configuration and what a start makes of them, `proof` what has to be
true before a change stays, `service` what restarts the gateway, `steps` the change itself.
"""
