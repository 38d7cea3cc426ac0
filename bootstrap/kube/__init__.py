"""kubectl, the readiness of objects and why one is not ready."""
