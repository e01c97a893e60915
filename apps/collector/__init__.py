"""The collector: a process that brings what runs in clusters into line with what teams declare as PodLogStreams.

It is level-based: `controller` compares what is wanted with what is there, whenever something changed and now and then
besides, and starts and ends followers. `cluster` speaks to one cluster, `watching` keeps a namespace's pods and events,
`follower` reads one container's log, `writing` appends what followers read, a stream at a time, `reporting` tells
statuses, replicas and lifecycle events. What is a matter of documents alone is in tailsvc/collect.
"""
