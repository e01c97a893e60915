"""Ignite's log calls over HTTP and gRPC: the same calls, the same messages, two transports.

`calls` answers what has an end, `streams` what has none, both in the messages of `protos/`; `visitors` says who may;
`refusals` turns errors into google.rpc codes. `asgi` and `rpc` are the entrances.
"""
