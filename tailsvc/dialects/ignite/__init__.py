"""Ignite's messages: the module that protoc made of `protos/`, their canonical JSON, and log lines from events."""
