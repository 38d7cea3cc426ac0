import pytest

from bootstrap.toolchain.versions import Accepted

HELM = Accepted(at_least="3.17", below="5")


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        ("3.17.0", True),
        ("3.16.9", False),
        ("v4.1.4", True),
        ("4.1.4+g05fa379", True),
        ("3.17.0-rc.1", True),
        ("5.0.0", False),
        ("4.1", True),
        ("10.0.0", False),
        ("1.32.4-dispatcher", False),
        ("devel", False),
        ("", False),
    ],
)
def test_numbers_decide_not_text(version: str, accepted: bool) -> None:
    assert HELM.holds(version) is accepted


def test_it_reads_as_a_range() -> None:
    assert str(HELM) == ">=3.17, <5"
