"""Reads a Flux repository on disk as Flux would."""
