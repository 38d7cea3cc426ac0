"""The values every room speaks of."""
