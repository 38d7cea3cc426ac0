"""The pages of `bootstrap ui`: a small server on loopback, and what it shows."""
