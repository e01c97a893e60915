"""What the platform saw of a stream's emitters: replicas that run, events in their lives, and the logs of builds.

`replicas`, `events` and `builds` are the services; each runs in the team's scope. `changes` numbers what happens to a
stream, so that followers (`following`) learn of it in order and without asking for more than is new. `upkeep` forgets.
"""
