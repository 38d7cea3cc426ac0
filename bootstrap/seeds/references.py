"""`${name}`, `${ref:SERVICE/NAME.attribute}` and `$${` in the scalars of fixtures."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bootstrap.seeds.model import Need, ResourceId
from bootstrap.yamltext.positions import ValuePath, nearest

_EXPRESSION = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SOFT = frozenset({"policy", "resourcepolicy", "redriveallowpolicy"})

Complain = Callable[[ValuePath, str], None]


def substitute(value: Any, variables: Mapping[str, str], path: ValuePath, complain: Complain) -> Any:  # noqa: ANN401 - YAML
    """The value with `${name}` filled in, in keys too; references and escapes stay for `resolve`."""
    match value:
        case str():
            return _substitute_text(value, variables, path, complain)
        case list():
            return [substitute(item, variables, (*path, number), complain) for number, item in enumerate(value)]
        case dict():
            return {
                _substitute_text(key, variables, (*path, key), complain): substitute(
                    inner, variables, (*path, key), complain
                )
                for key, inner in value.items()
            }
        case _:
            return value


def _substitute_text(text: str, variables: Mapping[str, str], path: ValuePath, complain: Complain) -> str:
    if "${" not in text:
        return text

    def replaced(match: re.Match[str]) -> str:
        escaped, inside = match.groups()
        if escaped or inside.startswith("ref:"):
            return match[0]
        if inside not in variables:
            complain(path, _no_variable(inside, variables))
            return match[0]
        # What a variable brings is text: it is not read again.
        return variables[inside].replace("${", "$${")

    return _EXPRESSION.sub(replaced, text)


def _no_variable(name: str, variables: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name):
        return f"${{{name}}} is neither a variable nor ${{ref:SERVICE/NAME.attribute}} (write $${{ for a plain ${{)"
    near = nearest(name, variables)
    hint = f"did you mean {near}?" if near else "set it with --var, or write $${ for a plain ${"
    return f"no variable is named {name} ({hint})"


def needs_in(value: Any, path: ValuePath = ()) -> Iterator[Need | tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    """Each reference inside the value; of one that cannot be read, its place and what is wrong."""
    match value:
        case str():
            if "${ref:" in value:
                yield from (_need(match[2], path) for match in _EXPRESSION.finditer(value) if match[2] is not None)
        case list():
            for number, item in enumerate(value):
                yield from needs_in(item, (*path, number))
        case dict():
            for key, inner in value.items():
                yield from needs_in(inner, (*path, key))
        case _:
            return


def _need(inside: str, path: ValuePath) -> Need | tuple[ValuePath, str]:
    service, slash, rest = inside.removeprefix("ref:").partition("/")
    name, dot, attribute = rest.rpartition(".")
    if not (service and slash and name and dot and attribute):
        return path, f"${{{inside}}} is not a reference (write ${{ref:SERVICE/NAME.attribute}})"
    soft = any(isinstance(part, str) and part.casefold() in _SOFT for part in path)
    return Need(target=ResourceId(service, name), attribute=attribute, path=path, soft=soft)


def resolve(value: Any, lookup: Callable[[ResourceId, str], str]) -> Any:  # noqa: ANN401 - YAML
    """The value with references replaced by what `known` says, and escapes undone."""
    match value:
        case str():
            return _resolve_text(value, lookup) if "${" in value else value
        case list():
            return [resolve(item, lookup) for item in value]
        case dict():
            return {resolve(key, lookup): resolve(inner, lookup) for key, inner in value.items()}
        case _:
            return value


def _resolve_text(text: str, lookup: Callable[[ResourceId, str], str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[1]:
            return "${"
        need = _need(match[2], ())
        return lookup(need.target, need.attribute) if isinstance(need, Need) else match[0]

    return _EXPRESSION.sub(replaced, text)


def in_order(
    needs: Mapping[ResourceId, Iterable[Need]],
) -> tuple[dict[ResourceId, frozenset[ResourceId]], list[ResourceId]]:
    """Of each resource those it waits for, soft needs only if they make no cycle; and a hard cycle, if there is one.

    The cycle is given as the resources on it, the first one again at its end; empty without one.
    """
    edges: dict[ResourceId, set[ResourceId]] = {}
    for resource, given in needs.items():
        edges[resource] = {need.target for need in given if not need.soft and need.target in needs}
    cycle = _cycle(edges)
    if not cycle:
        for resource, given in needs.items():
            for need in given:
                if need.soft and need.target in needs and not _reaches(edges, need.target, resource):
                    edges[resource].add(need.target)
    return {resource: frozenset(targets) for resource, targets in edges.items()}, cycle


def _reaches(edges: Mapping[ResourceId, set[ResourceId]], start: ResourceId, goal: ResourceId) -> bool:
    seen: set[ResourceId] = set()
    open_ends = [start]
    while open_ends:
        here = open_ends.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            open_ends.extend(edges[here])
    return False


def _cycle(edges: Mapping[ResourceId, set[ResourceId]]) -> list[ResourceId]:
    done: set[ResourceId] = set()
    for start in edges:
        trail: list[ResourceId] = []
        stack = [(start, iter(sorted(edges[start])))] if start not in done else []
        if stack:
            trail.append(start)
        while stack:
            here, targets = stack[-1]
            target = next((resource_id for resource_id in targets if resource_id not in done), None)
            if target is None:
                done.add(here)
                stack.pop()
                trail.pop()
            elif target in trail:
                return [*trail[trail.index(target) :], target]
            else:
                trail.append(target)
                stack.append((target, iter(sorted(edges[target]))))
    return []
