import pytest

from bootstrap.charts.semver import RangeError, newest_in, parse_version

ALL = ["v0.2.3", "0.2.9", "0.3.0", "1.0.0", "1.2.0", "v1.2.3", "1.10.0", "2.0.0-rc.1", "2.0.0", "2.1.0-rc.1", "latest"]


@pytest.mark.parametrize(
    ("constraint", "version"),
    [
        ("*", "2.0.0"),
        ("", "2.0.0"),
        (">=0.0.0-0", "2.1.0-rc.1"),
        ("1.x", "1.10.0"),
        ("1", "1.10.0"),
        ("1.2", "v1.2.3"),
        ("1.2.*", "v1.2.3"),
        ("=1.2.0", "1.2.0"),
        ("1.2.0", "1.2.0"),
        ("~1.2.0", "v1.2.3"),
        ("~1.2", "v1.2.3"),
        ("~1", "1.10.0"),
        ("~>1.2.0", "v1.2.3"),
        ("^1.2.0", "1.10.0"),
        ("^1", "1.10.0"),
        ("^0.2.3", "0.2.9"),
        ("^0.2", "0.2.9"),
        ("^0", "0.3.0"),
        (">1", "2.0.0"),
        (">1.2, <2", "1.10.0"),
        (">1.2.0 <1.10.0", "v1.2.3"),
        ("<=1.2", "v1.2.3"),
        ("<=1.2.0", "1.2.0"),
        ("<1", "0.3.0"),
        ("!=2.0.0", "1.10.0"),
        ("!=2", "1.10.0"),
        ("1.0 - 1.2", "v1.2.3"),
        ("<0.2.9 || 1.2.x", "v1.2.3"),
        ("^2.0.0-rc", "2.1.0-rc.1"),
        ("^1.0.0-0", "1.10.0"),
        ("3.x", None),
    ],
)
def test_newest(constraint: str, version: str | None) -> None:
    assert newest_in(ALL, constraint) == version


def test_precedence() -> None:
    # The order of semver.org, item 11.
    texts = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0"]
    versions = [version for text in texts if (version := parse_version(text))]
    assert [max(versions[: at + 1]) for at in range(len(versions))] == versions


@pytest.mark.parametrize("text", ["latest", ">>1", "1.2.3.4", "^"])
def test_no_range(text: str) -> None:
    with pytest.raises(RangeError):
        newest_in(ALL, text)
