"""The result of `status`: text for people, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bootstrap.console.color import in_style
from bootstrap.console.errors import shortened
from bootstrap.console.json_lines import VERSION
from bootstrap.model.cause import Cause
from bootstrap.model.status import Declared, Health, PartStatus, StatusReport, UrlStatus

_CAUSES = 3
_STYLES = {
    Health.UP: "done ",
    Health.SIMULATED: "note ",
    Health.SUSPENDED: "same ",
    Health.NOT_READY: "skip ",
    Health.STOPPED: "skip ",
    Health.UNREACHABLE: "FAIL ",
    Health.UNKNOWN: "FAIL ",
    Health.DOWN: "FAIL ",
}
"""Each is coloured as the word for a result of a step."""


def status_text(report: StatusReport, *, colored: bool = False) -> str:
    """Each part with its state and the reason, what is simulated, and the URLs."""
    names = max((len(part.name) for part in report.parts), default=0)
    healths = max((len(part.health) for part in report.parts), default=0)
    lines = [report.headline]
    for part in report.parts:
        health = f"{part.health:<{healths}}"
        shown = in_style(_STYLES[part.health], health) if colored else health
        lines.append(f"  {part.name:<{names}}  {shown}  {_about(part)}".rstrip())
        lines.extend(f"      {line}" for line in shortened(part.evidence))
        lines.extend(_causes(part, report.selection))
    return "".join(f"{line}\n" for line in [*lines, *url_lines(report.urls), _sum(report)])


def status_json(report: StatusReport) -> str:
    """`{"version": 1, "stack", "name", "headline", "up", "health", "declared", "parts": […], …}`."""
    document = {
        "version": VERSION,
        "stack": report.stack,
        "name": report.instance,
        "headline": report.headline,
        "up": report.up,
        "health": report.health.value,
        "declared": report.declared.value,
        "differences": list(report.differences),
        "parts": [
            {
                "name": part.name,
                "health": part.health.value,
                "declared": part.declared.value,
                "difference": part.difference or None,
                "detail": part.detail,
                "evidence": list(part.evidence),
                "causes": [cause_record(cause) for cause in part.causes],
            }
            for part in report.parts
        ],
        "simulated": [part.name for part in _with(report, Health.SIMULATED)],
        "urls": [
            {"name": url.name, "url": url.url, "answers": not url.problem, "problem": url.problem}
            for url in report.urls
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _with(report: StatusReport, health: Health) -> list[PartStatus]:
    return [part for part in report.parts if part.health is health]


def cause_record(cause: Cause) -> dict[str, Any]:
    """A cause as JSON has it."""
    return {
        "kind": cause.kind.value,
        "of": str(cause.of),
        "object": str(cause.object),
        "text": cause.text,
        "evidence": list(cause.evidence),
        "fix": cause.fix,
        "terminal": cause.terminal,
    }


def url_lines(urls: Sequence[UrlStatus]) -> Iterator[str]:
    """The addresses that answer; for the others what is missing, without the address."""
    width = max((len(url.name) for url in urls), default=0)
    return (f"  {url.name:<{width}}  {f'not answered: {url.problem}' if url.problem else url.url}" for url in urls)


def _causes(part: PartStatus, selection: str) -> Iterator[str]:
    """The sentences of the most significant causes, and the evidence and the fix of the first."""
    for cause in part.causes[:_CAUSES]:
        yield f"      {cause.text}"
    if part.causes:
        first = part.causes[0]
        yield from (f"        {line}" for line in shortened(first.evidence))
        if first.fix:
            yield f"        Fix: {first.fix}"
        yield f"        More: bootstrap explain {part.name}{selection}"


def _about(part: PartStatus) -> str:
    """The details of a part, and what of it is not as declared."""
    if not part.difference:
        return part.detail
    differs = f"{part.declared}: {part.difference}"
    return differs if part.detail in {"", part.difference} else f"{part.detail}; {differs}"


def _sum(report: StatusReport) -> str:
    counts = [(health, len(_with(report, health))) for health in Health]
    counted = " · ".join(f"{number} {health}" for health, number in counts if number) or "nothing is declared"
    named = f" --name {report.instance}" if report.instance else ""
    command = report.up_command or f"bootstrap up {report.stack}{named}"
    if not report.up and report.health is Health.UNKNOWN:
        return f"{counted}: what to do is written above"
    if not report.up:
        return f"{counted}: bring up the rest with {command}"
    differs = report.declared is Declared.DIFFERS
    return (
        f"{counted} · differs from what is declared: see bootstrap plan {report.stack}{named}" if differs else counted
    )
