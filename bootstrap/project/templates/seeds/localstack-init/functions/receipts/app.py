"""Names the receipt of an order."""

import os
from typing import Any


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """The receipt's name: the table, then the order."""
    return {"receipt": f"{os.environ['TABLE']}/{event['id']}"}
