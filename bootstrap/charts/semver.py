"""Version ranges as Helm and Flux read them (Masterminds/semver)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import total_ordering

_VERSION = re.compile(
    r"v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_COMPARISON = re.compile(
    r"(?P<operator>=|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?(?P<numbers>[0-9xX*]+(?:\.[0-9xX*]+){0,2})"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_MAJOR, _MINOR, _PATCH = 0, 1, 2
_PARTS = 3


class RangeError(ValueError):
    """The text is not a version range."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; build metadata does not count."""

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    def __lt__(self, other: "Version") -> bool:
        """Semver's precedence: a pre-release goes before its release."""
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        # Numbers go before words, fewer parts before more.
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.numbers, not self.pre, parts)


_Test = Callable[[Version], bool]


def parse_version(text: str) -> Version | None:
    """The version a tag names; None when it names none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = (int(match["major"]), int(match["minor"] or 0), int(match["patch"] or 0))
    return Version(numbers, tuple((match["pre"] or "").split(".")) if match["pre"] else ())


def newest_in(texts: Iterable[str], constraint: str) -> str | None:
    """The newest of these versions within the range, as it is written; None when none is.

    Raises:
        RangeError: the constraint is none.
    """
    alternatives = [_comparisons(part) for part in constraint.split("||")]
    versions = [(version, text) for text in texts if (version := parse_version(text)) is not None]
    fitting = [pair for pair in versions if any(all(test(pair[0]) for test in tests) for tests in alternatives)]
    return max(fitting)[1] if fitting else None


def _comparisons(text: str) -> list[_Test]:
    spelled = _HYPHEN.sub(r">=\1, <=\2", text.strip() or "*")
    tests, position = [], 0
    while position < len(spelled):
        if spelled[position] in ", ":
            position += 1
            continue
        match = _COMPARISON.match(spelled, position)
        if match is None:
            raise RangeError(f"{text.strip()!r} is not a version range")
        tests.append(_comparison(match["operator"] or "", match["numbers"], match["pre"]))
        position = match.end()
    return tests


def _comparison(operator: str, numbers: str, pre: str | None) -> _Test:
    written = numbers.split(".")
    given = next((at for at, part in enumerate(written) if part in {"x", "X", "*"}), len(written))
    low = Version(_padded(written[:given]), tuple(pre.split(".")) if pre else ())
    test = _test(operator, low, given)
    # A pre-release is chosen only if the range itself names one.
    return test if pre else lambda version: not version.pre and test(version)


def _test(operator: str, low: Version, given: int) -> _Test:  # noqa: PLR0911 - a table
    match operator:
        case "^":
            return _between(low, _next(low, _first_that_counts(low, given)))
        case "~" | "~>":
            return _between(low, _next(low, min(_MINOR, given - 1)))
        case ">":
            return (lambda version: version > low) if given == _PARTS else _from(_next(low, given - 1))
        case "<":
            return lambda version: version < low
        case ">=" | "=>":
            return _from(low)
        case "<=" | "=<":
            high = _next(low, given - 1)
            return (lambda version: version <= low) if given == _PARTS else lambda version: _below(version, high)
        case "!=":
            same = _same(low, given)
            return lambda version: not same(version)
        case _:
            return _same(low, given)


def _same(low: Version, given: int) -> _Test:
    return (lambda version: version == low) if given == _PARTS else _between(low, _next(low, given - 1))


def _first_that_counts(low: Version, given: int) -> int:
    """`^` keeps the first number that is not 0, or the last one that was written."""
    nonzero = next((at for at in range(given) if low.numbers[at]), given - 1)
    return min(nonzero, given - 1)


def _next(low: Version, at: int) -> Version | None:
    """The first version that differs in this number; None: there is no end."""
    if at < _MAJOR:
        return None
    numbers = [*low.numbers[:at], low.numbers[at] + 1, 0, 0]
    return Version((numbers[_MAJOR], numbers[_MINOR], numbers[_PATCH]))


def _from(low: Version | None) -> _Test:
    return lambda version: low is not None and version >= low


def _between(low: Version, high: Version | None) -> _Test:
    return lambda version: version >= low and _below(version, high)


def _below(version: Version, high: Version | None) -> bool:
    # 2.0.0-rc.1 is no 1.x, though it is less than 2.0.0.
    return high is None or version.numbers < high.numbers


def _padded(written: list[str]) -> tuple[int, int, int]:
    numbers = [*(int(part) for part in written), 0, 0, 0]
    return numbers[_MAJOR], numbers[_MINOR], numbers[_PATCH]
