"""Variables, references and the order they make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.seeds.model import Need, ResourceId
from bootstrap.seeds.references import in_order, needs_in, resolve, substitute
from bootstrap.yamltext.positions import ValuePath

A, B, C = (ResourceId("sqs", name) for name in "abc")


def filled(value: object, **variables: str) -> tuple[object, list[tuple[ValuePath, str]]]:
    asked: list[tuple[ValuePath, str]] = []
    return substitute(value, variables, (), lambda path, text: asked.append((path, text))), asked


def attribute_of(resource: ResourceId, attribute: str) -> str:
    return f"<{resource} {attribute}>"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${who}", "me"),
        ("a ${who} b ${who}", "a me b me"),
        ("$${who}", "${who}"),
        ("$$${who}", "$${who}"),
        ("no $ at {all}", "no $ at {all}"),
        ("${ref:sqs/orders.fifo.arn}", "<sqs/orders.fifo arn>"),
        ("${ref:secretsmanager/fleet/a.b.name}!", "<secretsmanager/fleet/a.b name>!"),
        ({"${who}-x": ["${who}", 1, None]}, {"me-x": ["me", 1, None]}),
    ],
)
def test_expressions(written: object, expected: object) -> None:
    value, asked = filled(written, who="me")
    assert resolve(value, attribute_of) == expected
    assert asked == []


def test_what_a_variable_brings_is_not_read_again() -> None:
    value, _ = filled("${who}", who="${ref:sqs/a.arn} ${other}")
    assert resolve(value, attribute_of) == "${ref:sqs/a.arn} ${other}"


@given(st.text())
def test_any_text_survives_being_escaped(text: str) -> None:
    value, asked = filled(text.replace("${", "$${"))
    assert resolve(value, attribute_of) == text
    assert asked == []


def test_an_unknown_variable_is_told_where_it_stands() -> None:
    _, asked = filled({"a": ["x", "${wo}"]}, who="me")
    assert asked == [(("a", 1), "no variable is named wo (did you mean who?)")]


def test_a_reference_inside_a_policy_is_soft() -> None:
    needs = list(needs_in({"policy": {"Resource": "${ref:sqs/a.arn}"}, "x": "${ref:sqs/b.url}"}))
    assert needs == [
        Need(target=A, attribute="arn", path=("policy", "Resource"), soft=True),
        Need(target=B, attribute="url", path=("x",)),
    ]


def test_a_hard_cycle_is_named() -> None:
    assert in_order({A: [Need(target=B)], B: [Need(target=C)], C: [Need(target=B)]})[1] == [B, C, B]


def test_a_soft_need_is_kept_where_it_makes_no_cycle() -> None:
    order, cycle = in_order({A: [Need(target=B)], B: [Need(target=A, soft=True)], C: [Need(target=A, soft=True)]})
    assert (order, cycle) == ({A: {B}, B: frozenset(), C: {A}}, [])
