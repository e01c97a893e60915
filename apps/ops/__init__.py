"""For operators: health, metrics, the database's roles, Django's admin."""
