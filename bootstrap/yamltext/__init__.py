"""YAML as text: values that know their place, read as Kubernetes reads them."""
