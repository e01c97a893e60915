"""The process tree of `tailsvc up`: embedded servers, our own children, and the supervisor over them.

`home` knows the data folder, `binaries` where the servers' programs are, `postgres` and `valkey` how to run them,
`children` how to start a process that cannot outlive us, `supervisor` how to keep a set of them running, `tree` which
ones there are, and `up` puts it all together. Nothing here imports the applications: what needs them runs as a child.
"""
