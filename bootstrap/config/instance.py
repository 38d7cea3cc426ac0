"""Names of instances: one stack may be up several times, each with its own cluster and state."""

import re

from bootstrap.errors import UsageError

LONGEST = 63
"""Longest label of Kubernetes and of the domain name system, in characters."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def instance_name(text: str) -> str:
    """The name as it was given to `--name`; empty if none was.

    Raises:
        UsageError: it cannot be part of other names; the fix suggests the nearest name that can.
    """
    if not text or (len(text) <= LONGEST and _NAME.fullmatch(text)):
        return text
    fit = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST].rstrip("-")
    raise UsageError(
        f"--name {text}: a name has lower case letters, digits and -, at most {LONGEST} of them",
        fix=f"write --name {fit or 'ci'}",
    )
