"""The rules of a chart's .helmignore, as Helm reads them (helm.sh/helm pkg/ignore)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    pattern: str
    negated: bool
    folders_only: bool
    whole_path: bool
    """Whether it is held against the whole path, not against the last part."""


class Ignore:
    """Says which files of a chart do not belong to it."""

    def __init__(self, lines: Iterable[str]) -> None:
        # Helm itself adds this one.
        patterns = (*lines, "templates/.?*")
        self._rules = tuple(
            _rule(line.strip()) for line in patterns if line.strip() and not line.strip().startswith("#")
        )

    def __call__(self, path: str, *, folder: bool) -> bool:
        """Whether this path, relative to the chart and with forward slashes, is left out."""
        return any(_ignores(rule, path, folder=folder) for rule in self._rules)


def _rule(line: str) -> _Rule:
    negated = line.startswith("!")
    pattern = line.removeprefix("!")
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    return _Rule(
        pattern=pattern.removeprefix("/"),
        negated=negated,
        folders_only=folders_only,
        whole_path="/" in pattern,
    )


def _ignores(rule: _Rule, path: str, *, folder: bool) -> bool:
    matches = (folder or not rule.folders_only) and _matches(rule, path)
    # Helm's reading of `!`: whatever does not match such a rule is left out.
    return matches != rule.negated


def _matches(rule: _Rule, path: str) -> bool:
    if not rule.whole_path:
        return fnmatchcase(path.rpartition("/")[2], rule.pattern)
    # A star does not reach over a slash.
    parts, pattern_parts = path.split("/"), rule.pattern.split("/")
    return len(parts) == len(pattern_parts) and all(
        fnmatchcase(part, pattern) for part, pattern in zip(parts, pattern_parts, strict=True)
    )
