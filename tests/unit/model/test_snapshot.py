from datetime import UTC, datetime

import pytest

from bootstrap.model.snapshot import FORMAT, NAME, Changed, Manifest, changed_since, misfits

SAVED = Manifest(
    format=FORMAT,
    name="a",
    stack="dev-0123456789",
    project="/srv/shop",
    created=datetime(2026, 1, 2, tzinfo=UTC),
    facts={"provider": "kwok", "Kubernetes version": "1.34"},
    files={},
    size=0,
)


def test_changes_are_named_by_kind_in_order() -> None:
    before = {"b": "1", "a": "1", "gone": "1", "same": "1"}
    now = {"a": "2", "b": "2", "same": "1", "z": "1", "new": "1"}
    assert changed_since(before, now) == Changed(added=("new", "z"), removed=("gone",), modified=("a", "b"))
    assert changed_since(before, before).count == 0


@pytest.mark.parametrize(
    ("stack", "facts", "reasons"),
    [
        ("dev-0123456789", {"provider": "kwok", "Kubernetes version": "1.34"}, ()),
        (
            "ci-0123456789",
            {"provider": "kind"},
            ("it is of stack dev-0123456789 in /srv/shop, this is stack ci-0123456789",),
        ),
        (
            "dev-0123456789",
            {"provider": "kwok", "Kubernetes version": "1.35"},
            ("its Kubernetes version is 1.34, the stack's is 1.35",),
        ),
        (
            "dev-0123456789",
            {"provider": "kwok", "Kubernetes version": "1.34", "emulator": "moto"},
            ("its emulator is none, the stack's is moto",),
        ),
    ],
)
def test_what_does_not_fit_is_named(stack: str, facts: dict[str, str], reasons: tuple[str, ...]) -> None:
    assert misfits(SAVED, stack, facts) == reasons


@pytest.mark.parametrize("name", ["a", "after-up", "before.tests_2", "0"])
def test_a_name(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a.", "A", "a/b", "a b", "-a", "ä", "a" * 64, "a\n"])
def test_not_a_name(name: str) -> None:
    assert not NAME.fullmatch(name)
