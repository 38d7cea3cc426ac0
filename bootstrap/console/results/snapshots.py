"""The results of `snapshot list` and `snapshot diff`: text for people, JSON for programs."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bootstrap.console.format import lasted, size_text
from bootstrap.console.json_lines import VERSION
from bootstrap.model.snapshot import Changed, Manifest

_SHOWN = 50


def snapshots_text(manifests: Sequence[Manifest], unreadable: Mapping[str, str], now: datetime) -> str:
    """One line for each: name, age, size, and what is in it, or why it cannot be read."""
    if not manifests and not unreadable:
        return "no snapshots\n"
    rows = [
        (manifest.name, _age(manifest.created, now), size_text(manifest.size), _contents(manifest))
        for manifest in manifests
    ]
    rows += [(name, "-", "-", reason) for name, reason in unreadable.items()]
    titles = ("NAME", "AGE", "SIZE", "CONTENTS")
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(3)]
    return "".join(
        "  ".join((*(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)), row[3])).rstrip() + "\n"
        for row in (titles, *rows)
    )


def snapshots_json(manifests: Sequence[Manifest], unreadable: Mapping[str, str]) -> str:
    """`{"version": 1, "snapshots": [{"name", "created", "bytes", …}], "unreadable": [{"name", "reason"}]}`."""
    return _json(
        {
            "version": VERSION,
            "snapshots": [snapshot_fields(manifest) for manifest in manifests],
            "unreadable": [{"name": name, "reason": reason} for name, reason in unreadable.items()],
        }
    )


def snapshot_fields(manifest: Manifest) -> dict[str, Any]:
    """A snapshot as JSON has it."""
    return {
        "name": manifest.name,
        "created": manifest.created.isoformat(),
        "bytes": manifest.size,
        "objects": manifest.objects,
        "resources": manifest.resources,
        "facts": dict(manifest.facts),
        "not_kept": list(manifest.not_kept),
    }


def changes_text(name: str, objects: Changed, resources: Changed) -> str:
    """The counts, then every name after + (added), - (removed) or ~ (changed)."""
    lines = [
        f"since snapshot {name}: {_counted(objects, 'object')}, {_counted(resources, 'AWS resource')}",
        *_names(objects),
        *_names(resources),
    ]
    return "".join(f"{line}\n" for line in lines)


def changes_json(name: str, objects: Changed, resources: Changed) -> str:
    """`{"version": 1, "snapshot", "objects": {"added", "removed", "modified"}, "resources": {…}}`."""
    fields = {"objects": dataclasses.asdict(objects), "resources": dataclasses.asdict(resources)}
    return _json({"version": VERSION, "snapshot": name, **fields})


def _age(created: datetime, now: datetime) -> str:
    return lasted(max((now - created).total_seconds(), 0.0))


def _contents(manifest: Manifest) -> str:
    counts = ((manifest.objects, "object"), (manifest.resources, "AWS resource"))
    texts = [_plural(count, word) for count, word in counts if count is not None]
    texts += [f"not kept: {text}" for text in manifest.not_kept]
    return "; ".join(texts)


def _counted(changed: Changed, word: str) -> str:
    if not changed.count:
        return f"no {word} differs"
    parts = (("added", changed.added), ("removed", changed.removed), ("changed", changed.modified))
    counts = ", ".join(f"{len(names)} {verb}" for verb, names in parts if names)
    return f"{_plural(changed.count, word)} {'differs' if changed.count == 1 else 'differ'} ({counts})"


def _names(changed: Changed) -> Iterator[str]:
    signed = [("+", changed.added), ("-", changed.removed), ("~", changed.modified)]
    lines = [f"  {sign} {name}" for sign, names in signed for name in names]
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"  … {len(lines) - _SHOWN} more: --output json has all"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
