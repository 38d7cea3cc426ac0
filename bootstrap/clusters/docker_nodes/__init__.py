"""Clusters whose nodes are containers: what kind and k3d have in common."""
