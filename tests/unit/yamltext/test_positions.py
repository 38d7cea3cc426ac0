"""YAML as our files are read: scalar rules, places, and every problem at once."""

import math
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.yamltext.positions import nearest, parse_documents, path_text, read_documents, unknown_key


def only(text: str) -> object:
    return parse_documents(text, file="f.yaml")[0].value


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidError) as caught:
        parse_documents(text, file="f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("22:22", "22:22"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("010", "010"),
        ("000000000000", "000000000000"),
        ("0", 0),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("'1'", "1"),
        ("!!str 5", "5"),
        ("!!binary aGk=", b"hi"),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
def test_scalars_follow_the_core_rules(written: str, value: object) -> None:
    read = only(f"a: {written}")
    assert read == {"a": value}
    assert isinstance(read, dict)
    assert type(read["a"]) is type(value)


def test_not_a_number_reads() -> None:
    read = only("a: .nan")
    assert isinstance(read, dict)
    assert math.isnan(read["a"])


def test_merge_keys_fill_in_what_is_not_given() -> None:
    assert only("x: &a {b: 1, c: 2}\ny: {<<: *a, c: 3}\nz: {<<: [*a, {b: 9, q: 1}]}") == {
        "x": {"b": 1, "c": 2},
        "y": {"b": 1, "c": 3},
        "z": {"b": 1, "c": 2, "q": 1},
    }


def test_documents_that_hold_nothing_are_left_out() -> None:
    documents = parse_documents("---\n# only a comment\n---\na: 1\n---\n- 1\n", file="f.yaml")
    assert [document.value for document in documents] == [{"a": 1}, [1]]


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse_documents(b"\xef\xbb\xbfa: 1", file="f.yaml")[0].value == {"a": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {c: 1, c: 2}\na: 3", ["f.yaml:2: b.c: is given twice (first in line 2)",
                                         "f.yaml:3: a: is given twice (first in line 1)"]),
        ("a:\n  [1]: 2", ["f.yaml:2: a: a key must be plain text"]),
        ("a: !Ref b", ["f.yaml:1: a: the tag !Ref is not supported"]),
        ("a: !!set {b}", ["f.yaml:1: a: the tag !!set is not supported"]),
        ("a: !Those [b]", ["f.yaml:1: a: the tag !Those is not supported"]),
        ("a: !!int abc", ["f.yaml:1: a: 'abc' does not fit its tag !!int"]),
        ("a: !!bool maybe", ["f.yaml:1: a: 'maybe' does not fit its tag !!bool"]),
        ("a: !!binary '*'", ["f.yaml:1: a: '*' does not fit its tag !!binary"]),
        ("a: &x [*x]", ["f.yaml:1: a[0]: an alias may not contain itself"]),
        ("a: {<<: 5}", ["f.yaml:1: a.<<: only mappings can be merged"]),
        ("a: *b", ["f.yaml:1: is not YAML: found undefined alias"]),
        ("a: b: c", ["f.yaml:1: is not YAML: mapping values are not allowed in this context"]),
        ("a:\n\tb: c", [(
            "f.yaml:2: is not YAML: while scanning for the next token, found character that cannot start any token "
            "(a tab cannot indent YAML: use spaces)")]),
        ("a: 1\nb: \x01", ["f.yaml:2: is not YAML: control characters are not allowed"]),
        (b"a: 1\nb: \xff", ["f.yaml:2: is not UTF-8 text (byte 0xff)"]),
        ("a: \ud800", ["f.yaml:1: is not UTF-8 text (byte 0xed)"]),
        ("\n" + "[" * 100_000, ["f.yaml:2: is nested more than 200 levels deep"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_place(text: str | bytes, said: list[str]) -> None:
    assert refused(text) == said


def test_places_name_line_and_path() -> None:
    document = parse_documents("# top\na: 1\nb:\n  c:\n    - 1\n    - d.x:\n        1.10\n", file="f.yaml")[0]
    assert str(document.place()) == "f.yaml:2"
    assert str(document.place(("b", "c", 1, "d.x"))) == 'f.yaml:6: b.c[1]["d.x"]'
    assert document.written(("b", "c", 1, "d.x")) == "1.10"
    assert document.written(("b", "c")) is None


def test_the_place_of_what_is_missing_is_where_it_would_belong() -> None:
    document = parse_documents("a: 1\nb:\n  c: 1\n", file="f.yaml")[0]
    assert str(document.place(("b", "nothing", "here"))) == "f.yaml:2: b.nothing.here"
    assert str(document.place(("a", 0))) == "f.yaml:1: a[0]"
    assert document.written(("b", "nothing")) is None


def test_what_a_merge_brought_stands_where_it_was_written() -> None:
    document = parse_documents("x: &a\n  b: 1\ny:\n  <<: *a\n", file="f.yaml")[0]
    assert document.place(("y", "b")).line == 2


def test_a_problem_is_told_with_its_place() -> None:
    document = parse_documents("a:\n  b: 1", file="f.yaml")[0]
    assert str(document.problem(("a", "b"), "must be text")) == "f.yaml:2: a.b: must be text"


def test_files_are_read_under_the_name_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "ü b.yaml"
    path.write_bytes("a: ß".encode())
    (document,) = read_documents(path, shown="ü b.yaml")
    assert (document.file, document.value) == ("ü b.yaml", {"a": "ß"})


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"f\.yaml: cannot be read: No such file or directory"):
        read_documents(tmp_path / "none", shown="f.yaml")


def test_paths_as_text() -> None:
    assert path_text(("cluster", "ports", "http")) == "cluster.ports.http"
    assert path_text(("seeds", 0)) == "seeds[0]"
    assert path_text(("sqs", "orders.fifo", "aws")) == 'sqs["orders.fifo"].aws'


def test_the_nearest_name() -> None:
    assert nearest("provder", ("provider", "ports")) == "provider"
    assert nearest("DEADLETTERQUEUE", ("deadLetterQueue",)) == "deadLetterQueue"
    assert nearest("zzz", ("provider",)) is None
    assert unknown_key("provder", ("provider", "ports")) == "unknown key (did you mean provider?)"
    assert unknown_key("zzz", ("provider", "ports")) == "unknown key (known: provider, ports)"
    assert unknown_key("zzz", ()) == "unknown key"
