"""Logs in: the raw ASGI endpoint in front of Django, its tokens, its counters."""
