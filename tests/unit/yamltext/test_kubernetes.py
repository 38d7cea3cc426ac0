"""YAML as sigs.k8s.io/yaml reads it; the expected values of the table are what it gives."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.yamltext.kubernetes import YamlError, load, load_all

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "scalars.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_equals_kubernetes_yaml(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(YamlError):
            load(case["text"])
    else:
        value = load(case["text"])
        assert value == case["gives"]
        assert json.dumps(value, default=str).count("true") == json.dumps(case["gives"]).count("true")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("on", True), ("y", True), ("22:22", "22:22"), ("2024-01-01", "2024-01-01"), ("1e3", 1000), ("=", "=")],
)
def test_the_ones_that_pyyaml_reads_otherwise(text: str, expected: object) -> None:
    value = load(f"key: {text}")["key"]
    assert value == expected
    assert type(value) is type(expected)


def test_empty_documents_are_left_out() -> None:
    assert load_all("---\n# nothing\n---\na: 1\n---\n") == [{"a": 1}]


def test_no_document_is_none() -> None:
    assert load("# nothing\n") is None


def test_several_documents_are_not_one() -> None:
    with pytest.raises(YamlError, match="more than one"):
        load("a: 1\n---\nb: 2\n")


def test_an_error_has_its_line() -> None:
    with pytest.raises(YamlError) as raised:
        load("a: 1\nb: {c\n")
    assert raised.value.line == 3


def test_an_error_without_a_place_is_one_too() -> None:
    with pytest.raises(YamlError):
        load("a: \x00")


def test_a_mapping_is_no_key() -> None:
    with pytest.raises(YamlError):
        load("? {a: 1}\n: b")
