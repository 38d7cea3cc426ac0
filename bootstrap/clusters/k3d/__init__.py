"""Provider k3d: k3s in containers of the Docker engine."""
