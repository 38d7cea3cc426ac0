"""A platform of bootstrap for a pytest session."""
