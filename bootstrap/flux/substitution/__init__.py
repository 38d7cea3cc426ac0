"""Replaces `${name}` as Flux does."""
