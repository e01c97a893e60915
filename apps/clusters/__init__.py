"""Clusters: the Kubernetes clusters that teams collect their pods' logs from, and how they are reached.

A kubeconfig is cut down to what is needed (`kubeconfigs`), kept encrypted (`sealing`), and given to the collector alone
(`lookups`); nobody is ever shown it again.
"""
