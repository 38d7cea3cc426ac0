"""What is put for `${…}`; the expected values of the table are what Flux's own envsubst gives."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.flux.substitution.expression import SubstitutionError
from bootstrap.flux.substitution.pattern import trim
from bootstrap.flux.substitution.substitute import substitute, substitute_given

TABLE = json.loads((Path(__file__).parent / "substitution.json").read_text())
VARIABLES: dict[str, str] = TABLE["variables"]
CASES: list[dict[str, Any]] = TABLE["cases"]


def test_the_table_is_large_enough() -> None:
    assert len(CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_equals_flux(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(SubstitutionError, match=case["error"]):
            substitute(case["text"], VARIABLES)
    else:
        assert substitute(case["text"], VARIABLES).text == case["gives"]


@pytest.mark.parametrize("case", [case for case in CASES if "strict" in case], ids=lambda case: case["text"])
def test_strict_refuses_what_has_no_value(case: dict[str, Any]) -> None:
    with pytest.raises(SubstitutionError) as raised:
        substitute(case["text"], VARIABLES, strict=True)
    assert str(raised.value) == case["strict"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "strict" not in case and "error" not in case], ids=lambda case: case["text"]
)
def test_strict_changes_nothing_else(case: dict[str, Any]) -> None:
    assert substitute(case["text"], VARIABLES, strict=True).text == case["gives"]


def test_tells_which_names_had_no_value() -> None:
    assert substitute("${a} ${b:-x} ${c^} ${d}", {"d": ""}).missing == {"a", "c"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${a} ${b} $c", "1 ${b} $c"),
        ("${a:-x}${b:-x}", "1${b:-x}"),
        ("${#a}", "1"),
        ("$${a} $$${a}", "$${a} $$1"),
        ("for x in ${xs[@]}; do echo $$ ${a}; done", "for x in ${xs[@]}; do echo $$ 1; done"),
        ("${b:-${a}}", "${b:-1}"),
        ("${a:-${a}}", "1"),
        ("none", "none"),
    ],
)
def test_only_given_names_are_replaced_where_flux_would_not_substitute(text: str, expected: str) -> None:
    assert substitute_given(text, {"a": "1"}) == expected


def test_a_given_name_in_a_broken_expression_is_refused() -> None:
    with pytest.raises(SubstitutionError):
        substitute_given("${a-x}", {"a": "1"})


@pytest.mark.parametrize(
    ("value", "operator", "pattern", "expected"),
    [
        ("abc", "#", "[a-b]", "bc"),
        ("abc", "#", "[b-a]", "abc"),
        ("abc", "#", "[^b-a]", "bc"),
        ("abc", "#", "[\\a]", "bc"),
        ("abc", "#", "[]a]", "abc"),
        ("abc", "#", "[a-]", "abc"),
        ("abc", "#", "[a", "abc"),
        ("abc", "#", "[", "abc"),
        ("abc", "#", "[\\", "abc"),
        ("abc", "#", "a\\", "abc"),
        ("a.c", "#", "a.", "c"),
        ("abc", "#", "a.", "abc"),
        ("a\nb", "##", "a*", ""),
    ],
)
def test_patterns(value: str, operator: str, pattern: str, expected: str) -> None:
    assert trim(value, operator, pattern) == expected
