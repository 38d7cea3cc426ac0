"""Names of instances are refused where they could not become part of a host's or a label's name."""

import pytest

from bootstrap.config.instance import instance_name
from bootstrap.errors import UsageError


@pytest.mark.parametrize("name", ["", "a", "1", "pr-12", "x" * 63])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    assert instance_name(name) == name


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("PR 12", "pr-12"),
        ("feature/Größe_2", "feature-gr-e-2"),
        ("-a", "a"),
        ("a-", "a"),
        ("..", "ci"),
        ("a\nb", "a-b"),
        ("y" * 64, "y" * 63),
        ("x" * 62 + "-y", "x" * 62),
    ],
)
def test_another_is_refused_with_the_nearest(name: str, fit: str) -> None:
    with pytest.raises(UsageError) as caught:
        instance_name(name)
    assert caught.value.fix == f"write --name {fit}"
    assert instance_name(fit) == fit
