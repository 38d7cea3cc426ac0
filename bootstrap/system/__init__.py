"""The machine below everything: processes, clock, files, sockets, locks."""
