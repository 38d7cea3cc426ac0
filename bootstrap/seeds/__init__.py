"""Fixtures as desired state: files, what is there, the difference, the writes."""
