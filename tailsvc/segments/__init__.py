"""Segments: many events as compressed columns, immutable; bytes in and out, nothing is read or kept here.

`frame` is events as columns in memory, `encode` makes blobs of it (`bundle` of few events), `reader` gives frames back,
`evaluate` finds the rows that a filter selects. A segment loses nothing: every field, attribute and raw line comes back
byte for byte.
"""
