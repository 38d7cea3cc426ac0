"""A real control plane as plain processes, with nodes that kwok simulates. Linux only."""
