"""How a platform is, as a result: text for people, JSON for programs."""

import json
from collections.abc import Iterator

from bootstrap.console.errors import shortened
from bootstrap.console.json_lines import VERSION
from bootstrap.model.status import Declared, Health, PartStatus, StatusReport


def status_text(report: StatusReport) -> str:
    """Each part with how it is and why, what is simulated, and the URLs."""
    names = max((len(part.name) for part in report.parts), default=0)
    healths = max((len(part.health) for part in report.parts), default=0)
    lines = [report.headline]
    for part in report.parts:
        lines.append(f"  {part.name:<{names}}  {part.health:<{healths}}  {_about(part)}".rstrip())
        lines.extend(f"      {line}" for line in shortened(part.evidence))
    return "".join(f"{line}\n" for line in [*lines, *_urls(report), _sum(report)])


def status_json(report: StatusReport) -> str:
    """`{"version": 1, "stack", "name", "headline", "up", "health", "declared", "parts": […], …}`."""
    found = {
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
            }
            for part in report.parts
        ],
        "simulated": [part.name for part in _with(report, Health.SIMULATED)],
        "urls": [{"name": name, "url": url} for name, url in report.urls],
    }
    return json.dumps(found, indent=2) + "\n"


def _with(report: StatusReport, health: Health) -> list[PartStatus]:
    return [part for part in report.parts if part.health is health]


def _urls(report: StatusReport) -> Iterator[str]:
    width = max((len(name) for name, _url in report.urls), default=0)
    return (f"  {name:<{width}}  {url}" for name, url in report.urls)


def _about(part: PartStatus) -> str:
    """What there is to say of a part, and what of it is not as declared."""
    if not part.difference:
        return part.detail
    differs = f"{part.declared}: {part.difference}"
    return differs if part.detail in {"", part.difference} else f"{part.detail}; {differs}"


def _sum(report: StatusReport) -> str:
    counts = [(health, len(_with(report, health))) for health in Health]
    counted = " · ".join(f"{number} {health}" for health, number in counts if number) or "nothing is declared"
    named = f" --name {report.instance}" if report.instance else ""
    command = report.up_command or f"bootstrap up {report.stack}{named}"
    if not report.up:
        return f"{counted}: bring up what is not with {command}"
    differs = report.declared is Declared.DIFFERS
    return (
        f"{counted} · differs from what is declared: see bootstrap plan {report.stack}{named}" if differs else counted
    )
