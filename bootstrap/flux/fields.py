"""Reads a Flux object field by field; fields of a wrong type, and fields that are never read, are reported."""

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from bootstrap.flux.findings import Subject
from bootstrap.yamltext.positions import nearest

_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}  # noqa: RUF001 - Go knows both letters
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)")  # noqa: RUF001 - Go knows both letters
_Kind = TypeVar("_Kind")
_MISSPELT = 0.8
"""How similar an unknown field is to one that is known, and not there, to be called a spelling mistake."""

NOT_RECONCILED = "has no effect: nothing is reconciled after the run"
"""The note on fields that only a controller in the cluster would act on."""


def parse_duration(text: str) -> timedelta | None:
    """`1h30m`, `5m0s`, `1.5h`, `300ms` as Go writes them; None for anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return timedelta(seconds=sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))


class Fields:
    """The fields of one mapping inside an object."""

    def __init__(self, value: Mapping[str, Any], subject: Subject, path: str) -> None:
        self.subject = subject
        self.path = path
        self._value = value
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Whether the field is present and not null."""
        return self._value.get(name) is not None

    def at(self, name: str) -> str:
        """The way to this field from the top of the object."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str) -> str | None:
        """A string; None when absent."""
        return self._of(name, str, "text")

    def required(self, name: str) -> str:
        """A required string; empty if it is missing, which is reported."""
        text = self.text(name)
        if not text:
            self.subject.problem(f"{name} is missing", self.at(name))
        return text or ""

    def flag(self, name: str) -> bool:
        """A boolean; false when absent."""
        return self._of(name, bool, "true or false") or False

    def number(self, name: str) -> int | None:
        """A whole number; None when absent."""
        return self._of(name, int, "a whole number")

    def duration(self, name: str) -> timedelta | None:
        """A duration; None when absent."""
        text = self.text(name)
        duration = None if text is None else parse_duration(text)
        if text is not None and duration is None:
            self.subject.problem(f'"{text}" is not a duration (write 5m)', self.at(name))
        return duration

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of these words."""
        text = self.text(name)
        if text is None or text in allowed:
            return text or default
        self.subject.problem(_none_of(text, allowed), self.at(name))
        return default

    def required_choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A required string that has to be one of these words; returned as it is, whatever is reported."""
        text = self.required(name)
        if text and text not in allowed:
            self.subject.problem(_none_of(text, allowed), self.at(name))
        return text

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A mapping as it is; empty when absent."""
        return self._of(name, dict, "a mapping") or {}

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(item for item in self._list(name) if self._is(item, str, name, "a list of text"))

    def string_map(self, name: str) -> dict[str, str]:
        """A mapping of strings."""
        return {
            key: value for key, value in self.mapping(name).items() if self._is(value, str, f"{name}.{key}", "text")
        }

    def child(self, name: str) -> "Fields":
        """The fields of a mapping; none when absent."""
        return Fields(self.mapping(name), self.subject, self.at(name))

    def children(self, name: str) -> tuple["Fields", ...]:
        """The fields of each mapping in a list."""
        return tuple(
            Fields(item, self.subject, f"{self.at(name)}[{index}]")
            for index, item in enumerate(self._list(name))
            if self._is(item, dict, f"{name}[{index}]", "a mapping")
        )

    def mappings(self, name: str) -> tuple[dict[str, Any], ...]:
        """A list of mappings as they are."""
        return tuple(item for item in self._list(name) if self._is(item, dict, name, "a list of mappings"))

    def ignore(self, *names: str) -> None:
        """Fields that are accepted without a note."""
        self._asked.update(names)

    def note(self, text: str, *names: str, expected: bool = False) -> None:
        """Fields that are accepted, but do not do what Flux does with them."""
        for name in names:
            self._asked.add(name)
            if name in self:
                self.subject.note(f"{self.at(name)} {text}", self.at(name), expected=expected)

    def close(self) -> None:
        """Report every field that was not read: a problem if it looks misspelt, else a note."""
        for name in self._value:
            if name not in self._asked:
                near = nearest(name, self._asked)
                if near is not None and near not in self._value and _similar(name, near) >= _MISSPELT:
                    self.subject.problem(f'is not a field: did you mean "{near}"?', self.at(name))
                else:
                    hint = f'; did you mean "{near}"?' if near else ""
                    self.subject.note(f"{self.at(name)} is not supported and has no effect{hint}", self.at(name))

    def _of(self, name: str, kind: type[_Kind], expected: str) -> _Kind | None:
        self._asked.add(name)
        value = self._value.get(name)
        return value if value is not None and self._is(value, kind, name, expected) else None

    def _list(self, name: str) -> list[Any]:
        return self._of(name, list, "a list") or []

    def _is(self, value: object, kind: type, name: str, expected: str) -> bool:
        fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        if not fits:
            self.subject.problem(f"must be {expected}", self.at(name))
        return fits


def _none_of(text: str, allowed: tuple[str, ...]) -> str:
    near = nearest(text, allowed)
    hint = f'; did you mean "{near}"?' if near else ""
    return f'"{text}" is none of {", ".join(allowed)}{hint}'


def _similar(name: str, other: str) -> float:
    return difflib.SequenceMatcher(None, name.casefold(), other.casefold()).ratio()
