"""Runs a plan: scheduler, waiting, journal, lock, events, ports."""
