"""How much a tailsvc takes in, what that costs, and how fast it answers; measured from outside, over HTTP.

`python -m benchmarks.run` generates the data set (`generate`), starts a service on an empty home (`service`), loads it
(`ingest`, with the clients of `client`), asks it the query table (`operations`, `queries`), and reports (`report`).
`hotspots` shows where the processor's time goes inside a web worker. docs/benchmarks.md says what the figures mean.

Nothing here is imported by the product, and only `hotspots` imports the product's applications.
"""
