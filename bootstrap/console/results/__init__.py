"""The results of the verbs, as text for people and as JSON for programs."""
