"""One file for each resource: who, may they, what do they ask, one service, the reply."""
