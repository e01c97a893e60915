"""Logs out: pages, single events, surroundings, totals."""
