"""Answers what it is sent."""


def handler(event: object, context: object) -> dict[str, object]:
    """Run by the emulator."""
    return {"ok": context is not None, "got": event}
