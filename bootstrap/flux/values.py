"""Merges a release's values as Flux does."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from bootstrap.flux.strvals import PathError, set_value
from bootstrap.model.release import ValuesFrom
from bootstrap.yamltext.kubernetes import YamlError, load


class ValuesError(ValueError):
    """The content of one `valuesFrom` entry cannot be used."""

    def __init__(self, source: ValuesFrom, text: str) -> None:
        super().__init__(f"{source.kind} {source.name}, key {source.values_key}: {text}")
        self.source = source


def merged(inline: Mapping[str, Any], sources: Iterable[ValuesFrom]) -> dict[str, Any]:
    """`sources` in their order, then `inline`: the later wins, mapping by mapping.

    A source with a target path below the top overrides the inline values too. One without content is skipped.

    Raises:
        ValuesError: a content is not a YAML mapping, or its target path cannot be followed.
    """
    result: dict[str, Any] = {}
    # From here on mappings are shared on purpose: what a target path changes inside one, it changes in the inline
    # values too. Flux merges these once more at the end, and only so does a target path win over them.
    inline = copy.deepcopy(dict(inline))
    for source in sources:
        if source.content is None:
            continue
        if source.target_path:
            result = _over(result, inline)
            _set(result, source, source.content)
        else:
            result = _over(result, _document(source, source.content))
    return _over(result, inline)


def _document(source: ValuesFrom, content: str) -> dict[str, Any]:
    try:
        values = load(content)
    except YamlError as error:
        raise ValuesError(source, str(error)) from error
    if values is not None and not isinstance(values, dict):
        raise ValuesError(source, "is not a mapping")
    return values or {}


def _set(values: dict[str, Any], source: ValuesFrom, content: str) -> None:
    try:
        set_value(values, source.target_path or "", content, literal=source.literal)
    except PathError as error:
        raise ValuesError(source, f"at {source.target_path}: {error}") from error


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        current = result.get(key)
        result[key] = _over(current, value) if isinstance(current, dict) and isinstance(value, dict) else value
    return result
