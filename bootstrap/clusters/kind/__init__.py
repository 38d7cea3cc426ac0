"""Provider kind: a cluster in containers of the Docker engine."""
