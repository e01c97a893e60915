"""Keeping to the plans: what is old goes, what was deleted is purged, what expired is forgotten."""
