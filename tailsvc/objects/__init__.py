"""Kubernetes-style objects as functions of documents: what a kind is, and every rule that needs no store.

`kinds` says what a kind is made of, `podlogstream` and `session` are two, `catalogue` has them all. `schemas` brings a
document into its kind's form. `patches` and `applying` change documents, `ownership` knows who manages which field,
`selectors` choose among them, `tables` show them. `statuses` are the answers to everything that goes wrong. `discovery`
and `openapi` tell clients about the kinds. A new kind is one declaration.
"""
