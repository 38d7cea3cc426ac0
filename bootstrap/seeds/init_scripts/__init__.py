"""LocalStack's init scripts: found, read, run behind a guard, and their results reported."""
