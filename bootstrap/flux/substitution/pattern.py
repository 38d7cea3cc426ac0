"""The patterns of `${name#pattern}` and its kin."""

import re


def trim(value: str, operator: str, pattern: str) -> str:
    """`value` without its shortest (`#`, `%`) or longest (`##`, `%%`) beginning or end that matches.

    As in Flux the match is never empty, so that `*` takes one character at least; a broken pattern matches nothing.
    """
    if operator[0] == "%":
        return trim(value[::-1], operator.replace("%", "#"), pattern[::-1])[::-1]
    expression = _expression(pattern)
    if expression is None:
        return value
    lengths = range(1, len(value) + 1) if operator == "#" else range(len(value), 0, -1)
    longest = next((length for length in lengths if expression.fullmatch(value, 0, length)), 0)
    return value[longest:]


def _expression(pattern: str) -> re.Pattern[str] | None:
    translated: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            translated.append(".*")
        elif char == "?":
            translated.append(".")
        elif char == "[":
            piece = _class(pattern, position)
            if piece is None:
                return None
            translated.append(piece[0])
            position = piece[1]
        else:
            if char == "\\":
                char, position = pattern[position : position + 1], position + 1
                if not char:
                    return None
            translated.append(re.escape(char))
    return re.compile("".join(translated), re.DOTALL)


def _class(pattern: str, position: int) -> tuple[str, int] | None:
    """The class that begins after its bracket, and where it ends; None: broken."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", position)):
        low = _member(pattern, position)
        if low is None:
            return None
        high, position = low, low[1]
        if pattern.startswith("-", position):
            upper = _member(pattern, position + 1)
            if upper is None:
                return None
            high, position = upper, upper[1]
        # A range that runs backwards holds nothing, where Python would refuse it.
        ranges.append(f"{re.escape(low[0])}-{re.escape(high[0])}" if low[0] <= high[0] else "")
    members = "".join(ranges)
    if not members:
        return ("." if negated else "(?!)", position + 1)
    return (f"[{'^' if negated else ''}{members}]", position + 1)


def _member(pattern: str, position: int) -> tuple[str, int] | None:
    char = pattern[position : position + 1]
    if char in {"", "-", "]"}:
        return None
    if char == "\\":
        position += 1
        char = pattern[position : position + 1]
    # The closing bracket must still come.
    return (char, position + 1) if char and position + 1 < len(pattern) else None
