"""When text is coloured, and how: the last thing that happens to a line, after everything secret is masked."""

import re
from collections.abc import Mapping

_RESET = "\x1b[0m"
_STYLES = {
    "done ": "\x1b[32m",
    "same ": "\x1b[2m",
    "FAIL ": "\x1b[1;31m",
    "skip ": "\x1b[33m",
    "stop ": "\x1b[33m",
    "note ": "\x1b[36m",
    "start": "\x1b[2m",
    "Error:": "\x1b[1;31m",
    "Fix:": "\x1b[1;32m",
    "Log:": "\x1b[2m",
}
_PLAIN = re.compile(r"^(\d+:\d\d(?::\d\d)? )(done |same |FAIL |skip |stop |note |start)(?= )", re.MULTILINE)
_ERRORS = re.compile(r"^(Error:|Fix:|Log:)", re.MULTILINE)


def is_colored(environment: Mapping[str, str], *, terminal: bool, allowed: bool = True) -> bool:
    """Whether text is coloured: on a terminal that supports it, or if FORCE_COLOR or CLICOLOR_FORCE is set.

    `--no-color` (`allowed` is false) and NO_COLOR override those; CLICOLOR=0 and TERM=dumb apply to terminals.
    """
    if not allowed or environment.get("NO_COLOR"):
        return False
    if _is_on(environment, "FORCE_COLOR") or _is_on(environment, "CLICOLOR_FORCE"):
        return True
    return terminal and environment.get("CLICOLOR") != "0" and environment.get("TERM") not in {"dumb", None, ""}


def painted(text: str) -> str:
    """The text with the words for results coloured."""
    return _ERRORS.sub(
        lambda match: in_style(match[1], match[1]),
        _PLAIN.sub(lambda match: match[1] + in_style(match[2], match[2]), text),
    )


def in_style(word: str, text: str) -> str:
    """The text, coloured as this word for a result is."""
    return f"{_STYLES[word]}{text}{_RESET}"


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "0").lower() not in {"", "0", "false"}
