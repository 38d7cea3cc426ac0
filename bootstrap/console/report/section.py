"""The parts of a report, and how they are cut to its size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

_LARGEST = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One file of a report."""

    file: str
    """Relative to the report's folder."""
    title: str
    text: str
    keep_end: bool = False
    """Whether its end stays if it is too long, as of a log; else its beginning."""
    cut: int = 0
    """Bytes that are left out."""


def fitted(sections: Sequence[Section], room: int) -> tuple[Section, ...]:
    """The sections in at most `room` bytes of UTF-8; the first ones matter most. What is cut says so."""
    kept = []
    for section in sections:
        fitting = shortened(section, min(_LARGEST, room))
        room -= len(fitting.text.encode())
        kept.append(fitting)
    return tuple(kept)


def shortened(section: Section, limit: int) -> Section:
    """The section in at most so many bytes of UTF-8, with a line in place of what is cut."""
    content = section.text.encode("utf-8", "backslashreplace")
    if len(content) <= limit:
        return replace(section, text=content.decode())
    room = max(0, limit - 100)
    part = content[len(content) - room :] if section.keep_end else content[:room]
    cut = len(content) - len(part)
    notice = f"… {cut} bytes are left out here to keep the report small …\n"
    # A line, or a character, may have been cut in two.
    text = part.decode("utf-8", "ignore")
    text = text.partition("\n")[2] if section.keep_end else text.rpartition("\n")[0] + "\n"
    shown = notice[:limit] if not text.strip() else notice + text if section.keep_end else text + notice
    return replace(section, text=shown, cut=section.cut + cut)
