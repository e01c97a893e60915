"""Streams: a team's named sequences of events, and the signed tokens with which agents write to them.

Owns the log tables' migrations; their SQL is the engine's.
"""
