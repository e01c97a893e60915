"""Every limit of this package, with the reason for its size."""

# Kubernetes' own, of the names that become part of an address; namespaces have it too.
NAME_CHARS = 63
# An address and a path before the API's; nobody's is a quarter as long.
SERVER_CHARS = 500
# One context has a few kilobytes; a person's whole file, some tens.
KUBECONFIG_BYTES = 256 * 1024
# The collector watches each of them.
NAMESPACES = 50
CLUSTERS_PER_TEAM = 10
