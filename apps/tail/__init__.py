"""Live tails: who may follow, for how long, from where, and how it is sent.

`following` is the one way in for every dialect: it counts the follower against its plan, ends it when its stream is
deleted or its rights are, and hands out the engine's `Follower`. `hints` carry "something was appended" between
processes; they may be lost. `asgi` is the native endpoint.
"""
