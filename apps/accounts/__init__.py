"""Who: users, teams, memberships, plans, tokens and what they may do; and the walls between teams.

How a request finds its rights: `tokens` (the form of a token) -> `verdicts` (what was found out in the last 5 s) ->
`lookups` (the database, before a team is known) -> `callers.Caller` -> `permissions` (the ability a view states) ->
`scope.team_scope` (what Postgres shows). `services` act inside the open scope; `provisioning` and `grants` open
maintenance for what no team's scope could do.
"""
