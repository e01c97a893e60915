"""The deployment: environment, settings, urls, ASGI, Celery, the command line and the supervisor."""
