"""A real control plane as plain processes, with kwok in place of machines. Linux only."""
