"""Feldera's API, spoken by us: a pipeline is a stream, its logs are the stream's lines, a tenant is a team.

`asgi` puts every error below /v0 into Feldera's form; `logs` is the endpoint that all this is for; `catch_up` and
`control_plane` are what its answers begin with; `views` is what the SDK and the CLI ask beside it. The differences from
the real one are told in docs/dialects/feldera.md.
"""
