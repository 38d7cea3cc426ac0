"""Sets a value at a path as `helm --set` does; Flux reads `valuesFrom.targetPath` with it."""

import re
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+")
_LARGEST_INDEX = 65536
_DEEPEST = 30
_STOPS = "=[,."
_SPECIAL = re.compile(r"[\\,\[\]{}]")


class PathError(ValueError):
    """Helm does not accept the path, or a value with commas in it."""


def set_value(values: dict[str, Any], path: str, value: str, *, literal: bool = False) -> None:
    """Put `value` at `path` into `values`.

    `true`, `null` and whole numbers are typed, `{a,b}` is a list, a comma begins another `path=value`. A value in
    quotes is text, without the quotes; a `literal` one is text, unchanged.

    Raises:
        PathError: helm would refuse it.
    """
    if literal:
        _Parser(f"{path}={_SPECIAL.sub(_escaped, value)}", typed=False).into(values)
    elif value[:1] in {"'", '"'} and value[:1] == value[-1:]:
        _Parser(f"{path}={value.strip(chr(39) + chr(34))}", typed=False).into(values)
    else:
        _Parser(f"{path}={value}", typed=True).into(values)


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


class _Parser:
    def __init__(self, text: str, *, typed: bool) -> None:
        self._text = text
        self._position = 0
        self._typed = typed

    def into(self, values: dict[str, Any]) -> None:
        while self._position < len(self._text):
            self._key(values, 0)

    def _key(self, values: dict[str, Any], depth: int) -> None:
        name, stop = self._until(_STOPS)
        if stop == "=":
            value = self._value()
            _put(values, name, value)
        elif stop == "[":
            index = self._index()
            current = values.get(name, [])
            _put(values, name, self._item(_checked(current, list, name), index, depth))
        elif stop == ".":
            self._nested(values, name, depth)
        elif name or stop:
            raise PathError(f'"{name}" has no value')

    def _nested(self, values: dict[str, Any], name: str, depth: int) -> None:
        if depth >= _DEEPEST:
            raise PathError(f"is nested deeper than {_DEEPEST} levels")
        inner = _checked(values.get(name, {}), dict, name)
        self._key(inner, depth + 1)
        if not inner:
            raise PathError(f'"{name}" has no value')
        _put(values, name, inner)

    def _item(self, items: list[Any], index: int, depth: int) -> list[Any]:
        between, stop = self._until("[.=")
        if between or not stop:
            raise PathError(f'unexpected "{between}" after an index')
        if index >= len(items):
            items = [*items, *[None] * (index + 1 - len(items))]
        if stop == "=":
            items[index] = self._value()
        elif stop == "[":
            nested = self._index()
            items[index] = self._item(_checked(items[index] or [], list, f"[{index}]"), nested, depth)
        else:
            inner = items[index] if isinstance(items[index], dict) else {}
            self._key(inner, depth)
            items[index] = inner
        return items

    def _index(self) -> int:
        text, _ = self._until("]")
        if not _INTEGER.fullmatch(text) or not 0 <= int(text) <= _LARGEST_INDEX:
            raise PathError(f'"{text}" is not an index')
        return int(text)

    def _value(self) -> Any:  # noqa: ANN401 - YAML holds any
        if self._text.startswith("{", self._position):
            return self._list()
        return self._converted(self._until(",")[0])

    def _list(self) -> list[Any]:
        self._position += 1
        items: list[Any] = []
        while True:
            text, stop = self._until(",}")
            if stop == "":
                raise PathError("list must terminate with '}'")
            items.append(self._converted(text))
            if stop == "}":
                break
        if self._text.startswith(",", self._position):
            self._position += 1
        return items

    def _converted(self, text: str) -> Any:  # noqa: ANN401 - YAML holds any
        if not self._typed:
            return text
        word = {"true": True, "false": False, "null": None}
        if text.lower() in word:
            return word[text.lower()]
        zero_led = text.startswith("0") and text != "0"
        return int(text) if _INTEGER.fullmatch(text) and not zero_led and abs(int(text)) < 2**63 else text

    def _until(self, stops: str) -> tuple[str, str]:
        """Text up to one of `stops`, which is consumed, and that stop; a character after a backslash is not a stop."""
        parts: list[str] = []
        while self._position < len(self._text):
            char = self._text[self._position]
            self._position += 1
            if char in stops:
                return "".join(parts), char
            if char == "\\":
                char = self._text[self._position : self._position + 1]
                self._position += 1
            parts.append(char)
        return "".join(parts), ""


def _put(values: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401 - YAML holds any
    if name:
        values[name] = value


def _checked(value: Any, kind: type, name: str) -> Any:  # noqa: ANN401 - YAML holds any
    if not isinstance(value, kind):
        raise PathError(f'"{name}" is no {"list" if kind is list else "mapping"}')
    return value
