"""Lets a chart's templates see exactly the API versions that a cluster serves, while no cluster is asked.

`helm template` counts every version that its own client library knows as served (helm `pkg/chart/common/
capabilities.go`, `DefaultVersionSet`), removed ones like `policy/v1beta1` too; `--api-versions` only adds to them.
What a template asks of `.Capabilities.APIVersions` is therefore replaced by a dictionary of what is really served:
`.Capabilities.APIVersions.Has "a/v1"` becomes `hasKey (…) "a/v1"`. Lines stay where they are.
"""

import json
import re
from collections.abc import Collection

from bootstrap.charts.archive import ChartFiles, is_packed_subchart, read_archive

_ASKED = re.compile(r"\.APIVersions\b")
_HAS = re.compile(r"\.Has\b(?:\s+\"(?P<literal>[^\"]+)\")?")
_CLOSED_HAS = re.compile(r"\s*\)\.Has\b")
_ASSIGNED = re.compile(r"\$(?P<name>\w+)\s*:?=\s*$")
_WORD = re.compile(r"[\w.$]")


def seeing(chart: ChartFiles, apis: Collection[str]) -> ChartFiles:
    """The chart, whose templates and those of its subcharts see these `group/version[/Kind]` alone."""
    changed: dict[str, bytes] = {}
    for path, content in chart.files.items():
        if is_packed_subchart(path):
            below = read_archive(content, path)
            inner = seeing(below, apis)
            if inner is not below:
                changed[path] = inner.packed()
        elif "templates/" in path and b".APIVersions" in content:
            changed[path] = rewritten(content.decode(errors="surrogateescape"), apis).encode(errors="surrogateescape")
    return chart.having(changed) if changed else chart


def rewritten(template: str, apis: Collection[str]) -> str:
    """The template with every question about API versions answered from these."""
    names: set[str] = set()
    done: list[str] = []
    position = 0
    for asked in _ASKED.finditer(template):
        start = _operand_start(template, asked.start())
        if start < position or not _in_action(template, asked.start()):
            continue
        start, end, instead = _replacement(template, start, asked.end(), apis)
        if instead.startswith("(") and (named := _ASSIGNED.search(template, position, start)) is not None:
            names.add(named["name"])
        done += (template[position:start], instead)
        position = end
    text = "".join((*done, template[position:]))
    for name in names:
        text = re.sub(rf"\${name}\.Has\b", lambda _found: f"hasKey {_dictionary(apis)}", text)
    return text


def _replacement(template: str, start: int, end: int, apis: Collection[str]) -> tuple[int, int, str]:
    """What to put in place of which part of the template."""
    if has := _HAS.match(template, end):
        literal = has["literal"]
        if literal is None:
            return start, has.end(), f"hasKey {_dictionary(apis)}"
        lookup = f'(dict "{literal}" "")' if literal in apis else "(dict)"
        return start, has.end(), f'hasKey {lookup} "{literal}"'
    opened = len(template[:start].rstrip()) - 1
    if (closed := _CLOSED_HAS.match(template, end)) and template[opened : opened + 1] == "(":
        return opened, closed.end(), f"hasKey {_dictionary(apis)}"
    return start, end, f"(fromJsonArray `{json.dumps(sorted(apis))}`)"


def _dictionary(apis: Collection[str]) -> str:
    return f"(fromJson `{json.dumps(dict.fromkeys(sorted(apis), 1))}`)"


def _operand_start(template: str, at: int) -> int:
    """Where the chain of fields begins that leads to this one: `$root.Capabilities`, `(.context).Capabilities`."""
    while at > 0:
        if _WORD.match(template[at - 1]):
            at -= 1
        elif template[at - 1] == ")":
            depth, at = 1, at - 1
            while depth and at > 0:
                at -= 1
                depth += {")": 1, "(": -1}.get(template[at], 0)
        else:
            break
    return at


def _in_action(template: str, at: int) -> bool:
    return template.rfind("{{", 0, at) > template.rfind("}}", 0, at)
