"""Helm: pull once, render, install, heal."""
