"""A complete local platform with one command, taken away with another."""
