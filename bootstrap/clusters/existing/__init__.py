"""Provider existing: a cluster of the user's own kubeconfig."""
