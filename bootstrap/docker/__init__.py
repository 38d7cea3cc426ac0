"""Docker: engine, networks, images, labels."""
