"""Code of broken fixtures."""
