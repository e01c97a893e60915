"""The Session `Tiltfile` of each team: an object that nobody writes, computed from what really runs.

`beats` is how processes and scheduled jobs tell that they live, `targets` makes targets of what was seen, `exits` says
whether a session is done (both are pure), `services` brings the stored object up to date.
"""
