"""Replaces `${name}` in manifests as Flux's postBuild does."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.flux.substitution.expression import Call, Part, SubstitutionError, parse, parse_call
from bootstrap.flux.substitution.pattern import trim

NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
"""The variable names that Flux accepts."""

IMAGE = "image:"
"""Prefix of the variables for images that the stack builds: names of Flux have no colon."""

_WITH_DEFAULT = frozenset({"-", "+", "=", "?", ":-", ":+", ":=", ":?"})
_NUMBER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Substituted:
    """The text, and the names that had neither a value nor a default: Flux puts nothing there."""

    text: str
    missing: frozenset[str] = frozenset()


def substitute(text: str, variables: Mapping[str, str], *, strict: bool = False) -> Substituted:
    """`text` with every `${…}` evaluated; `$name` stays, `$$` becomes `$`.

    Raises:
        SubstitutionError: Flux would refuse it; `strict` refuses names without value or default as well.
    """
    if "$" not in text:
        return Substituted(text=text)
    text = _with_images(text, variables)
    evaluation = _Evaluation(variables)
    replaced = "".join(evaluation.of(part) for part in parse(text))
    if strict and evaluation.missing:
        raise SubstitutionError(f'variable not set (strict mode): "{min(evaluation.missing)}"')
    return Substituted(text=replaced, missing=frozenset(evaluation.missing))


def substitute_given(text: str, variables: Mapping[str, str]) -> str:
    """`text` with only those `${…}` evaluated whose name has a value; all else stays as it is written.

    For text that Flux itself would not substitute: other expressions may belong to a shell script.

    Raises:
        SubstitutionError: an expression of a given name is not one that Flux accepts.
    """
    evaluation = _Evaluation(variables)
    text = _with_images(text, variables)
    done: list[str] = []
    position = 0
    for match in re.finditer(r"(\$*)\$\{#?(\w+)", text):
        start = match.end(1)
        if match.group(2) not in variables or len(match.group(1)) % 2 or start < position:
            continue
        call, end = parse_call(text, start)
        done += (text[position:start], evaluation.of(call))
        position = end
    return "".join((*done, text[position:]))


def _with_images(text: str, variables: Mapping[str, str]) -> str:
    """With `${image:web}` replaced; `$${image:web}` stays for what comes after."""
    for name, reference in variables.items():
        if name.startswith(IMAGE):
            text = re.sub(rf"(?<!\$)\$\{{{re.escape(name)}\}}", reference, text)
    return text


class _Evaluation:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.missing: set[str] = set()
        self._variables = variables

    def of(self, part: Part) -> str:
        if isinstance(part, str):
            return part
        arguments = [self.of(argument) for argument in part.arguments]
        if part.name not in self._variables and part.operator not in _WITH_DEFAULT:
            self.missing.add(part.name)
        return _function(part)(self._variables.get(part.name, ""), arguments)


def _function(call: Call) -> Callable[[str, Sequence[str]], str]:
    if call.operator == "#" and not call.arguments:
        return lambda value, _arguments: str(len(value.encode()))
    if call.operator[:1] in {"#", "%"}:
        return lambda value, arguments: trim(value, call.operator, arguments[0])
    return _FUNCTIONS.get(call.operator, _default)


def _default(value: str, arguments: Sequence[str]) -> str:
    return value or "".join(arguments)


def _substring(value: str, arguments: Sequence[str]) -> str:
    """Counts bytes, as Go's strings do; an argument that is not a number leaves the value unchanged.

    Raises:
        SubstitutionError: a negative length, on which Flux itself breaks off.
    """
    numbers = [_number(argument) for argument in arguments]
    whole = value.encode()
    offset = numbers[0]
    if offset is None or numbers[-1] is None:
        return value
    start = offset if offset >= 0 else max(0, len(whole) + offset)
    if len(numbers) == 1:
        return _text(whole[start:])
    length = numbers[1] or 0
    if length < 0 and start + length < len(whole):
        raise SubstitutionError("slice bounds out of range")
    return _text(whole[start : start + max(length, 0)])


def _number(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _text(part: bytes) -> str:
    return part.decode(errors="replace")


def _replace_all(value: str, arguments: Sequence[str]) -> str:
    return value.replace(arguments[0], "".join(arguments[1:]))


def _replace_first(value: str, arguments: Sequence[str]) -> str:
    return value.replace(arguments[0], "".join(arguments[1:]), 1)


def _replace_prefix(value: str, arguments: Sequence[str]) -> str:
    matches = len(arguments) > 1 and value.startswith(arguments[0])
    return arguments[1] + value.removeprefix(arguments[0]) if matches else value


def _replace_suffix(value: str, arguments: Sequence[str]) -> str:
    matches = len(arguments) > 1 and value.endswith(arguments[0])
    return value.removesuffix(arguments[0]) + arguments[1] if matches else value


def _upper(text: str) -> str:
    return "".join(_one(char, char.upper()) for char in text)


def _lower(text: str) -> str:
    return "".join(_one(char, char.lower()) for char in text)


def _one(char: str, changed: str) -> str:
    """Go changes letter by letter: one that has no single counterpart stays."""
    return changed if len(changed) == 1 else char


_FUNCTIONS: Mapping[str, Callable[[str, Sequence[str]], str]] = {
    ":": _substring,
    "/": _replace_first,
    "//": _replace_all,
    "/#": _replace_prefix,
    "/%": _replace_suffix,
    "^^": lambda value, _arguments: _upper(value),
    ",,": lambda value, _arguments: _lower(value),
    "^": lambda value, _arguments: _upper(value[:1]) + value[1:],
    ",": lambda value, _arguments: _lower(value[:1]) + value[1:],
}
