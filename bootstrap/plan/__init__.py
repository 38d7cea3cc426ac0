"""Pure: what is wanted and what is there become a plan."""
