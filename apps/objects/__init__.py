"""Kubernetes-style objects of teams: one store for all kinds, with a log of changes for those who watch.

`services` are the verbs; each runs in the team's scope. `store` has the rows, `history` what was at an earlier version,
`watching` what is new. `computed` is where other apps register kinds whose objects follow from what runs. `http` speaks
Kubernetes.
"""
