"""Creates a complete local platform with one command, and deletes it with another."""
