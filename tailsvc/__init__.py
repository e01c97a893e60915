"""The engine: how log entries are read, kept and found again.

Plain Python. No Django, no settings, no clock of its own: whoever wants to know *how a result is computed* reads
here; who may ask, and over which URL, is said in `apps`.
"""
