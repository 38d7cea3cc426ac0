"""What a project has that a stack can be made of, and the files that `init` writes for it."""
