"""GPS receivers as a time source for the concentrator: what they say, and what a counter means.

    bytes ── stream ── nmea / ubx / gpsd ── receiver ── reports ── reference ── counter ⇄ GPS time

All of it is pure; whoever has the device feeds it. `values` is what goes over the seams.
"""
