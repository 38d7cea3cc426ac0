"""Which needs of a step are strict, and which steps come before it at all."""

from datetime import timedelta

from bootstrap.model.step import Edge, EdgeKind, Keep, Plan, Step, StepId
from bootstrap.plan.needs import Gate, strict_needs, without

STRICT, LISTED = EdgeKind.DEPENDS_ON, EdgeKind.LISTED


def step(name: str, *needs: str) -> Step:
    return Step(
        id=StepId(name),
        action=Keep(what=name),
        needs=tuple(StepId(need) for need in needs),
        reason="unchanged",
        timeout=timedelta(minutes=1),
    )


def edge(step: str, needs: str, kind: EdgeKind = STRICT) -> Edge:
    return Edge(step=StepId(step), needs=StepId(needs), kind=kind, reason=f"{step} after {needs}")


def test_a_strict_need_counts_that_a_listed_one_implies() -> None:
    """`needs` of c names only b, which implies a; b is listed order, so that its failure opens nothing by itself."""
    plan = Plan(
        steps=(step("a"), step("b", "a"), step("c", "b")),
        edges=(edge("b", "a"), edge("c", "b", LISTED), edge("c", "a")),
    )
    assert strict_needs(plan) == {"a": (), "b": ("a",), "c": ("a",)}


def test_a_need_without_an_edge_is_strict() -> None:
    assert strict_needs(Plan(steps=(step("a"), step("b", "a")))) == {"a": (), "b": ("a",)}


def test_an_edge_to_a_step_that_is_not_in_the_plan_says_nothing() -> None:
    assert strict_needs(Plan(steps=(step("a"),), edges=(edge("a", "gone"),))) == {"a": ()}


def test_the_gate_waits_for_what_comes_before_through_others() -> None:
    plan = Plan(steps=(step("a"), step("b", "a"), step("c", "b")), edges=(edge("c", "b", LISTED),))
    gate = Gate(plan)
    gate.end(StepId("b"))
    assert not gate.is_open(StepId("c"))
    gate.end(StepId("a"))
    assert gate.is_open(StepId("c"))


def test_a_plan_that_grows_keeps_what_has_ended() -> None:
    gate = Gate(Plan(steps=(step("a"), step("b", "a"))), ended=[StepId("a"), StepId("not here")])
    assert gate.is_open(StepId("b"))


def test_edges_lead_around_a_removed_step_and_stay_listed_where_one_of_them_was() -> None:
    plan = Plan(
        steps=(step("a"), step("b", "a"), step("c", "b"), step("d", "b", "a")),
        edges=(edge("b", "a"), edge("c", "b", LISTED), edge("d", "b"), edge("d", "a", LISTED)),
    )
    left = [(edge_.step, edge_.needs, edge_.kind) for edge_ in without(plan, {StepId("b")})]
    assert left == [("c", "a", LISTED), ("d", "a", STRICT)]
