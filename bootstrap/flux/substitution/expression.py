"""Parses `${…}` as Flux does (envsubst), its quirks included."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


class SubstitutionError(ValueError):
    """A `${…}` that Flux refuses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """`${name}` with the function applied to it; an empty operator is the value itself."""

    name: str
    operator: str = ""
    arguments: tuple["Part", ...] = ()


Part: TypeAlias = str | Call

_DEFAULTS = "=-?+"


def parse(text: str) -> tuple[Part, ...]:
    """Text and calls, in order; `$$` is a `$`, and a `$` before anything but `{` is itself.

    Raises:
        SubstitutionError: a `${` does not begin an expression.
    """
    return _Parser(text, 0).parts()


def parse_call(text: str, start: int) -> tuple[Call, int]:
    """The call whose `${` stands at `start`, and where it ends.

    Raises:
        SubstitutionError: it is not an expression.
    """
    parser = _Parser(text, start + 2)
    return parser.call(), parser.position


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def parts(self) -> tuple[Part, ...]:
        pieces: list[Part] = []
        while self.position < len(self.text):
            if self._at("${"):
                self.position += 2
                pieces.append(self.call())
            else:
                pieces.append(self._plain())
        return tuple(pieces)

    def call(self) -> Call:
        """What follows `${`."""
        if self._at("#"):
            self.position += 1
            return self._closed(Call(name=self._name("bad substitution"), operator="#"))
        name = self._name()
        following = self._peek()
        if following == ":":
            return self._after_colon(name)
        if following == "/":
            return self._replace(name)
        if following in {"#", "%"}:
            return self._remove(name, self._run(following))
        return self._short(name, following)

    def _short(self, name: str, following: str) -> Call:
        if following == "=":
            return self._default(name, self._take(1))
        if following in {",", "^"}:
            return self._closed(Call(name=name, operator=self._run(",^")))
        return self._closed(Call(name=name), "missing closing brace")

    def _plain(self) -> str:
        words: list[str] = []
        while self.position < len(self.text) and not self._at("${"):
            dollar = self.text.find("$", self.position)
            end = len(self.text) if dollar < 0 else dollar
            words.append(self.text[self.position : end])
            self.position = end
            if self._at("$$"):
                words.append("$")
                self.position += 2
            elif self._at("$") and not self._at("${"):
                words.append(self._take(1))
        return "".join(words)

    def _after_colon(self, name: str) -> Call:
        following = self.text[self.position + 1 : self.position + 2]
        if following and following in _DEFAULTS:
            return self._default(name, self._take(2))
        if not following or not following.isascii():
            raise SubstitutionError("bad substitution")
        self._take(1)
        offset = self._argument(lambda char: char not in ":}")
        if self._at("}"):
            return self._closed(Call(name=name, operator=":", arguments=(offset,)))
        self._delimiter(":")
        length = self._argument(_not_closing)
        return self._closed(Call(name=name, operator=":", arguments=(offset, length)))

    def _default(self, name: str, operator: str) -> Call:
        arguments: list[Part] = []
        while not self._at("}"):
            arguments.append(self._argument(_not_closing))
        return self._closed(Call(name=name, operator=operator, arguments=tuple(arguments)))

    def _replace(self, name: str) -> Call:
        operator = self._take(1)
        if self._peek() and self._peek() in "/#%":
            operator += self._take(1)
        pattern = self._argument(lambda char: char != "/", escapes=True)
        self._delimiter("/")
        if self._at("}"):
            return self._closed(Call(name=name, operator=operator, arguments=(pattern,)))
        replacement = self._argument(_not_closing, escapes=True)
        return self._closed(Call(name=name, operator=operator, arguments=(pattern, replacement)))

    def _remove(self, name: str, operator: str) -> Call:
        return self._closed(Call(name=name, operator=operator, arguments=(self._argument(_not_closing),)))

    def _argument(self, accept: Callable[[str], bool], *, escapes: bool = False) -> Part:
        """One nested call, or text as long as `accept` says; never nothing."""
        if self._at("${"):
            self.position += 2
            return self.call()
        characters: list[str] = []
        while self.position < len(self.text) and not self._at("${"):
            if escapes and self.text[self.position : self.position + 2] in {"$$", "\\/", "\\\\"}:
                characters.append(self._take(2)[1])
            elif accept(self.text[self.position]):
                characters.append(self._take(1))
            else:
                break
        if not characters:
            raise SubstitutionError("unable to parse substitution within function")
        return "".join(characters)

    def _name(self, otherwise: str = "unable to parse variable name") -> str:
        start = self.position
        while self._peek().isalpha() or self._peek().isdecimal() or self._peek() == "_":
            self.position += 1
        if start == self.position:
            raise SubstitutionError(otherwise)
        return self.text[start : self.position]

    def _run(self, chars: str) -> str:
        """One or two of these."""
        taken = self._take(1)
        return taken + (self._take(1) if self._peek() and self._peek() in chars else "")

    def _delimiter(self, char: str) -> None:
        """One or more of it."""
        if self._peek() != char:
            raise SubstitutionError("bad substitution")
        while self._peek() == char:
            self.position += 1

    def _closed(self, call: Call, otherwise: str = "bad substitution") -> Call:
        if not self._at("}"):
            raise SubstitutionError(otherwise)
        self.position += 1
        return call

    def _at(self, prefix: str) -> bool:
        return self.text.startswith(prefix, self.position)

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _take(self, count: int) -> str:
        taken = self.text[self.position : self.position + count]
        self.position += len(taken)
        return taken


def _not_closing(char: str) -> bool:
    return char != "}"
