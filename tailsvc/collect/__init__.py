"""Collecting from Kubernetes, as far as it is a matter of documents and bytes: no clock, no network.

`log_lines` takes a container's log apart, `positions` tells which of its lines are stored, `pods` reads what a pod says
of its containers and `views` all that matters of it, `statuses` makes a PodLogStream's status of it, `happenings` tells
pods' and clusters' events in the words of lifecycles.
"""
