"""What an init script's commands ended with: written by bash and by the programs in front, read when it has ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENDED = "ended"
"""A program of ours ended with a code that is not 0, whatever the script made of it."""
FAILED = "failed"
"""Bash saw a command fail that nothing in the script looked after."""
MISSING = "missing"
REFUSED = "refused"

_FIELD, _END = "\x1f", "\x1e"
_FIELDS = 6

BASH_ENVIRONMENT = r"""
__bootstrap_failed() {
    printf '%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1e' failed "$1" "$2" "$3" "$(wc -c 2>/dev/null <LOG)" "$4" >>REPORT
}
trap '__bootstrap_failed "$?" "$LINENO" "${BASH_SOURCE[0]-}" "$BASH_COMMAND"' ERR
set -o errtrace
"""
"""Sourced by every bash of a script: notes each failed command, by the rules of `set -e`, and ends nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One command that did not end well."""

    kind: str
    code: int
    text: str
    line: int | None = None
    file: str = ""
    printed: int = 0
    """How many bytes the script had printed by then."""


def append(report: Path, entry: Entry) -> None:
    """Note it; several programs may write at the same time."""
    line = "" if entry.line is None else str(entry.line)
    fields = (entry.kind, str(entry.code), line, entry.file, str(entry.printed), entry.text)
    with report.open("ab") as stream:
        stream.write((_FIELD.join(fields) + _END).encode(errors="surrogateescape"))


def entries(report: Path) -> Iterator[Entry]:
    """What was noted, in its order."""
    text = report.read_bytes().decode(errors="replace") if report.exists() else ""
    for record in text.split(_END):
        fields = record.split(_FIELD)
        if len(fields) == _FIELDS:
            kind, code, line, file, printed, said = fields
            yield Entry(
                kind=kind,
                code=int(code or 0),
                line=int(line) if line else None,
                file=file,
                printed=int(printed or 0),
                text=said,
            )
