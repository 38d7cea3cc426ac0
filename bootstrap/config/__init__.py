"""Stack files and settings; every value knows its source."""
