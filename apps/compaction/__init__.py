"""Keeping what is stored in its best form: rows and recent blocks become segments, deletions are carried out."""
