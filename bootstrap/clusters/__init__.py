"""Cluster providers: kwok (embedded), kind, k3d and existing clusters."""
