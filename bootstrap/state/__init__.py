"""A stack's folder on this machine: paths, journal, lease, the stack as it was brought up last."""
