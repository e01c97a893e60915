"""A Kubernetes API server for tests: pods that run, write and die as told, and the faults that real ones have.

`model` is what runs in the cluster and what it wrote, `history` all versions of its objects; `server` speaks HTTP as
kube-apiserver and the kubelet do (`reading`: lists and watches, `logs`: a container's log), `faults` is what goes wrong
on purpose, `running` has it all in a thread of the tests, `python -m tests.cluster` in a process of its own.
"""
