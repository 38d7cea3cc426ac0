"""AWS emulators and the places they run in."""
