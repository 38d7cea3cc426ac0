"""How values are merged; the expected values of the table are what helm's own parser gives."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.flux.strvals import PathError, set_value
from bootstrap.flux.values import ValuesError, merged
from bootstrap.model.release import ValuesFrom

TABLE = json.loads((Path(__file__).parent / "targetpath.json").read_text())


def source(content: str | None, **more: Any) -> ValuesFrom:
    return ValuesFrom(kind="ConfigMap", name="given", content=content, **more)


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: f"{case['path']}={case['value']}")
def test_a_target_path_equals_helm(case: dict[str, Any]) -> None:
    values = copy.deepcopy(TABLE["values"])
    if "error" in case:
        with pytest.raises(PathError):
            set_value(values, case["path"], case["value"])
    else:
        set_value(values, case["path"], case["value"])
        assert values == case["gives"]


def test_a_path_has_an_end() -> None:
    with pytest.raises(PathError, match="30 levels"):
        set_value({}, ".".join("a" * 40), "x")


@pytest.mark.parametrize(("value", "expected"), [("'1'", "1"), ('"true"', "true"), ("1", 1)])
def test_quotes_make_text(value: str, expected: object) -> None:
    values: dict[str, Any] = {}
    set_value(values, "a", value)
    assert values == {"a": expected}


def test_a_literal_is_taken_as_it_stands() -> None:
    values: dict[str, Any] = {}
    set_value(values, "a\\.b", '{"x": [1, 2], "y": "a=b\\n"}', literal=True)
    assert values == {"a.b": '{"x": [1, 2], "y": "a=b\\n"}'}


def test_the_later_wins_and_inline_wins_over_all() -> None:
    first, second = source("a: 1\nb: {c: 1, d: 1}\nl: [1, 2]"), source("b: {c: 2}\nl: [3]\nnone: null")
    assert merged({"b": {"d": 3}}, [first, second]) == {"a": 1, "b": {"c": 2, "d": 3}, "l": [3], "none": None}


def test_nothing_given_is_nothing() -> None:
    assert merged({}, [source(None), source("")]) == {}


def test_a_mapping_replaces_a_plain_value_and_the_other_way_round() -> None:
    assert merged({"a": {"b": 1}, "c": 2}, [source("a: 1\nc: {d: 1}")]) == {"a": {"b": 1}, "c": 2}


def test_a_target_path_wins_over_inline_values_below_the_top() -> None:
    # As in Flux, whose last merge puts the inline values over all: only inside a mapping does the path win.
    inline = {"auth": {"user": "me", "password": "inline"}, "level": "inline", "list": ["inline"]}
    sources = [
        source("other: 1"),
        *(source("path", target_path=path) for path in ("auth.password", "level", "list[0]")),
    ]
    assert merged(inline, sources) == {
        "other": 1,
        "auth": {"user": "me", "password": "path"},
        "level": "inline",
        "list": ["path"],
    }


def test_merging_changes_nothing_that_was_given() -> None:
    inline = {"auth": {"user": "me"}}
    merged(inline, [source("x", target_path="auth.user"), source("{y: 1}")])
    assert inline == {"auth": {"user": "me"}}


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (source("a: {b"), "ConfigMap given, key values.yaml: "),
        (source("- 1"), "is not a mapping"),
        (source("x", target_path="a[b]"), "at a\\[b\\]: "),
    ],
)
def test_what_cannot_be_merged_names_its_source(wrong: ValuesFrom, text: str) -> None:
    with pytest.raises(ValuesError, match=text):
        merged({}, [wrong])


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", {}), ("[0]", {}), (".a", {}), ("a[0][1]", {"a": [[None, "x"]]}), ("a[0].b.c", {"a": [{"b": {"c": "x"}}]})],
)
def test_a_key_without_a_name_sets_nothing(path: str, expected: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    set_value(values, path, "x")
    assert values == expected


@pytest.mark.parametrize("value", ["x,y.", "x,y.z", "x,y[0]", "x,y[0", "{x,y", "x,,"])
def test_what_follows_a_comma_is_another_path(value: str) -> None:
    with pytest.raises(PathError):
        set_value({}, "a", value)


def test_a_list_may_be_followed_by_another_path() -> None:
    values: dict[str, Any] = {}
    set_value(values, "a", "{x,1},b=y")
    assert values == {"a": ["x", 1], "b": "y"}
