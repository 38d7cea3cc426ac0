"""Reads what older k3d wrote: the same configuration in the words of v1alpha5."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem

_GROUP = "k3d.io/"
CURRENT = f"{_GROUP}v1alpha5"
_SAME_BUT_FOR_THE_NAME = (f"{_GROUP}v1alpha3", f"{_GROUP}v1alpha4")
_OLDEST = f"{_GROUP}v1alpha2"
_FILTERED = ("env", "volumes", "ports")


def in_current_words(given: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """The configuration as of v1alpha5, without a name: that is given by the stack.

    Raises:
        InvalidError: it is of a version that k3d does not read either.
    """
    version = given.get("apiVersion", CURRENT)
    if version not in {CURRENT, _OLDEST, *_SAME_BUT_FOR_THE_NAME}:
        problem = Problem(place=Place(file=str(file), path="apiVersion"), text=f"{version} is not known")
        raise InvalidError([problem], fix=f"write apiVersion: {CURRENT}, and the fields of that version")
    if version == CURRENT:
        return given
    unnamed = {key: value for key, value in given.items() if key != "name"}
    return {**(_from_oldest(unnamed) if version == _OLDEST else unnamed), "apiVersion": CURRENT}


def _from_oldest(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of k3d 4: filters as `server[0]`, arguments without filters, labels beside the options."""
    current = {key: value for key, value in given.items() if key != "labels"}
    current |= {key: _filtered(given[key]) for key in _FILTERED if key in given}
    options = dict(given.get("options") or {})
    k3s = dict(options.get("k3s") or {})
    arguments = [
        {"arg": argument, "nodeFilters": [f"{role}:*"]}
        for role in ("server", "agent")
        for argument in k3s.pop(f"extra{role.capitalize()}Args", None) or ()
    ]
    if arguments:
        options["k3s"] = {**k3s, "extraArgs": arguments}
    if given.get("labels"):
        options["runtime"] = {**(options.get("runtime") or {}), "labels": _filtered(given["labels"])}
    registries = dict(given.get("registries") or {})
    if registries.pop("create", False):
        registries["create"] = {"host": "0.0.0.0", "hostPort": "random"}  # noqa: S104 - what k3d 4 made of it
    return current | ({"options": options} if options else {}) | ({"registries": registries} if registries else {})


def _filtered(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**entry, "nodeFilters": [_filter(text) for text in entry["nodeFilters"]]}
        if "nodeFilters" in entry
        else dict(entry)
        for entry in entries
    ]


def _filter(text: str) -> str:
    return text.replace("[", ":").replace("]", "")
