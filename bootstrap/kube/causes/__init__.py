"""Why objects are not ready: values of the cluster in, causes out; asks nothing itself."""
