"""The layer below everything: processes, clock, files, sockets, locks."""
