"""A report on a stack: everything that explains its state, as files and as one page, without secrets."""
