"""One file for each AWS emulator; a new one is a new file, a name in `model.stack.Driver`, and its contract test."""
