"""IAM policies: compared as values, whichever way they are written."""

import json
from typing import Any

from bootstrap.seeds.model import Value


def policy_value(policy: Any) -> Value:  # noqa: ANN401 - a mapping or JSON text, ours or AWS's
    """The policy as a value; text that is not JSON stays text; None for none."""
    if not isinstance(policy, str):
        return policy
    if not policy:
        return None
    try:
        return json.loads(policy)
    except ValueError:
        return policy


def policy_text(policy: Value) -> str:
    """The policy as AWS takes it."""
    return policy if isinstance(policy, str) else json.dumps(policy, sort_keys=True)
