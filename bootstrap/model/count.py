"""Counts in texts."""


def counted(number: int, singular: str, many: str | None = None) -> str:
    """`1 step`, `3 steps`."""
    return f"{number} {singular if number == 1 else many or singular + 's'}"
