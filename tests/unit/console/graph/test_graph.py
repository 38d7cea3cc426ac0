"""The graph of a plan as a picture and as a page."""

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.console.graph.layout import laid_out, without_detours
from bootstrap.console.graph.page import graph_html
from bootstrap.console.graph.picture import graph_svg
from bootstrap.errors import BootstrapError
from bootstrap.model.step import Plan, Refuse
from fakes.recorded_run import CLUSTER, LAST, N8N, PLAN, REDIS, TRAEFIK

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    count = draw(st.integers(1, 15))
    names = [f"s{number}" for number in range(count)]
    pairs = [(one, other) for at, other in enumerate(names) for one in names[:at]]
    return names, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


@given(graphs())
def test_every_line_leads_to_the_right_one_column_at_a_time(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    names, lines = graph
    layout = laid_out(names, lines)
    column = {name: number for number, members in enumerate(layout.columns) for name in members}
    assert sorted(name for name in column if "\0" not in name) == sorted(names)
    assert set(layout.ways) == set(lines)
    for (needed, name), way in layout.ways.items():
        assert (way[0], way[-1]) == (needed, name)
        assert all(column[after] - column[before] == 1 for before, after in pairwise(way))


@given(graphs())
def test_what_is_left_out_is_implied(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    names, lines = graph

    def reached(kept: list[tuple[str, str]]) -> dict[str, set[str]]:
        before: dict[str, set[str]] = {}
        for name in names:
            needs = [needed for needed, other in kept if other == name]
            before[name] = set(needs).union(*(before[needed] for needed in needs))
        return before

    kept = list(without_detours(names, lines))
    assert reached(kept) == reached(lines)
    assert all(reached([line for line in kept if line != left]) != reached(lines) for left in kept)


def boxes(picture: str) -> list[tuple[str, str]]:
    """The class and title of each step's box."""
    groups = ET.fromstring(picture).findall(f"{SVG}g")  # noqa: S314 - our own
    found = [(group.find(f"{SVG}rect"), group.findtext(f"{SVG}title")) for group in groups]
    return [(rect.attrib["class"], title or "") for rect, title in found if rect is not None]


def test_a_box_is_coloured_by_what_would_change() -> None:
    refused = replace(PLAN.steps[-1], action=Refuse(error=BootstrapError("not ours")), reason="not ours")
    shown = boxes(graph_svg(replace(PLAN, steps=(*PLAN.steps[:-1], refused))))
    assert [kind for kind, _ in shown] == ["change", "change", "change", "keep", "change", "refuse"]
    assert shown[2][1] == f"{TRAEFIK}: install release: new"
    assert shown[5][1] == f"{LAST}: refuse: not ours"


def test_a_line_tells_its_reason() -> None:
    picture = graph_svg(PLAN)
    assert f"<title>{TRAEFIK} needs {CLUSTER}: it is installed there (structure)</title>" in picture
    assert f"<title>{N8N} needs {REDIS}</title>" in picture


def test_the_picture_is_the_same_each_time_and_may_be_empty() -> None:
    assert graph_svg(PLAN) == graph_svg(PLAN)
    assert boxes(graph_svg(Plan())) == []


def test_boxes_do_not_overlap() -> None:
    rects = [
        rect.attrib
        for group in ET.fromstring(graph_svg(PLAN)).findall(f"{SVG}g")  # noqa: S314 - our own
        if (rect := group.find(f"{SVG}rect")) is not None
    ]
    places = [tuple(float(rect[side]) for side in ("x", "y", "width", "height")) for rect in rects]
    for at, (x, y, width, height) in enumerate(places):
        for other_x, other_y, other_width, other_height in places[:at]:
            beside = x + width <= other_x or other_x + other_width <= x
            assert beside or y + height <= other_y or other_y + other_height <= y


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "a & b"])
def test_what_a_plan_says_cannot_become_part_of_the_page(text: str) -> None:
    page = graph_html(Plan(steps=(replace(PLAN.steps[0], reason=text),)), text)
    assert "<script>" not in page
    assert not re.findall(r"<link|<img|@import|url\((?!#)|\son\w+=", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
