"""YAML as kustomize, Flux and helm read it (sigs.k8s.io/yaml: YAML to JSON), which is not how PyYAML reads it."""

import math
import re
from collections.abc import Hashable, Iterator
from typing import Any, ClassVar

import yaml

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_INT_LIMITS = (-(2**63), 2**64)
# Go prints a float without exponent below this, and whoever reads that JSON sees an integer.
_PLAIN_FLOAT_LIMIT = 2.0**63
_TAG = "tag:yaml.org,2002:"
_PLAIN = "!plain"


class YamlError(ValueError):
    """The text is not YAML, or holds what JSON cannot."""

    def __init__(self, text: str, *, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line
        """1-based, if it is known."""


class Loader(yaml.CSafeLoader):
    """Booleans, numbers, dates and keys by the rules of sigs.k8s.io/yaml.

    `y` and `on` are booleans, `0777` is octal, `1e3` is 1000; dates, `22:22` and `=` stay text; keys become text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]  # PyYAML


def _scalar(loader: Loader, node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - YAML holds any
    text = str(loader.construct_scalar(node))
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    return _number(text) if text[0] in "+-.0123456789" else text


def _number(text: str) -> int | float | str:
    if text.lower().lstrip("+-") in {".inf", ".nan"}:
        raise YamlError(f"{text} has no form in JSON")
    plain = text if text[0] == "." else text.replace("_", "")
    if _INT.fullmatch(plain):
        number = _integer(plain)
        if _INT_LIMITS[0] <= number < _INT_LIMITS[1]:
            return number
    decimal = float(plain) if _FLOAT.fullmatch(plain) else math.inf
    return text if math.isinf(decimal) else _whole(decimal)


def _integer(plain: str) -> int:
    sign, digits = (-1, plain[1:]) if plain[0] == "-" else (1, plain.lstrip("+"))
    if digits != "0" and digits[0] == "0" and digits[1] in "01234567":
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() and abs(number) < _PLAIN_FLOAT_LIMIT else number


def _mapping(loader: Loader, node: yaml.MappingNode) -> Iterator[dict[str, Any]]:
    result: dict[str, Any] = {}
    yield result
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        result[_key(loader.construct_object(key_node, deep=True))] = loader.construct_object(value_node)


def _key(key: Hashable) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise YamlError(f"{key!r} cannot be a key")


# Only what stands unquoted and begins like something other than text is looked at; the rest is text at once.
Loader.add_implicit_resolver(_PLAIN, re.compile(""), ["", *"+-.0123456789yYnNtTfFoO~"])
Loader.add_implicit_resolver(_TAG + "merge", re.compile(r"^<<$"), ["<"])
Loader.add_constructor(_PLAIN, _scalar)
Loader.add_constructor(_TAG + "merge", lambda _loader, node: node.value)
Loader.add_constructor(_TAG + "map", _mapping)


def load_all(text: str) -> list[Any]:
    """The documents of `text`, empty ones left out.

    Raises:
        YamlError: it cannot be read; with its line.
    """
    try:
        return [document for document in yaml.load_all(text, Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise YamlError(str(error.problem or error), line=line) from error
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error


def load(text: str) -> Any:  # noqa: ANN401 - YAML holds any
    """The one document of `text`; None when it is empty.

    Raises:
        YamlError: it cannot be read, or holds several documents.
    """
    documents = load_all(text)
    if len(documents) > 1:
        raise YamlError("holds more than one document")
    return documents[0] if documents else None
