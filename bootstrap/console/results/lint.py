"""Notes as a result, as text and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.console.json_lines import place_record
from bootstrap.model.count import counted
from bootstrap.model.release import Note


def notes_text(notes: Sequence[Note]) -> str:
    """A line per note, after the place it is about."""
    lines = [f"{note.place}: {note.text}" if note.place is not None else note.text for note in notes]
    return "".join(
        f"{line}\n" for line in (*dict.fromkeys(lines), counted(len(notes), "warning") if notes else "no warnings")
    )


def notes_json(notes: Sequence[Note]) -> str:
    """`{"version": 1, "notes": [{"text", "place"}]}`."""
    entries = [{"text": note.text, "place": place_record(note.place)} for note in notes]
    return json.dumps({"version": 1, "notes": entries}, indent=2) + "\n"
