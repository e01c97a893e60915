"""Kubernetes' HTTP, as plain ASGI in front of Django: the verbs of every kind, watches, discovery, and OpenAPI.

`asgi` is the door: who may, and one form for every error. `asking` reads query strings, `negotiation` headers, `verbs`
calls the services, `watch` sends what is new, `rendering` writes JSON, YAML and tables, `about` tells what there is.
"""
