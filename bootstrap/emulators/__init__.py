"""AWS emulators: started, found, and proven before anything is written to them."""
