"""Segments: many events as compressed columns, immutable; bytes in and out, nothing is read or kept here.

`encode` makes one of events, `reader` gives events back and finds those that a filter selects. A segment loses
nothing: every field, attribute and raw line comes back byte for byte.
"""
