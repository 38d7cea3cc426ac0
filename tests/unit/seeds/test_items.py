"""Items: plain values as DynamoDB's types, files read piece by piece, and sets compared by sums."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.seeds.load import load
from bootstrap.seeds.services.dynamodb.checksums import Sums, groups, key_hash, key_text
from bootstrap.seeds.services.dynamodb.contents import Contents
from bootstrap.seeds.services.dynamodb.items import ItemError, Source, canonical, number_text, to_attribute, to_plain
from bootstrap.seeds.services.dynamodb.keys import Keys
from bootstrap.seeds.services.dynamodb.table import definition
from bootstrap.seeds.services.registry import all_services

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
)


@given(plain.filter(lambda value: not isinstance(value, dict) or not {"$set", "$binary"} & set(value)))
def test_plain_values_survive(value: object) -> None:
    attribute = to_attribute(value)
    assert to_plain(attribute) == value
    assert canonical({"x": attribute}) == {"x": attribute}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1.10", "1.1"),
        ("-0.0", "0"),
        ("1E+3", "1000"),
        ("0.1", "0.1"),
        ("12345678901234567890.5", "12345678901234567890.5"),
    ],
)
def test_numbers_are_exact(written: str, kept: str) -> None:
    assert number_text(written) == kept


@pytest.mark.parametrize("written", ["x", "NaN", "Infinity", "1" * 39])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(ItemError):
        number_text(written)


def source(tmp_path: Path, name: str, text: str, **types: str) -> Source:
    file = tmp_path / name
    file.write_text(text)
    return Source(file=file, shown=name, format=file.suffix[1:], types=types, separator="|")


def read(given_source: Source) -> list[tuple[int | None, dict[str, Any]]]:
    return [(place.line, item) for place, item in given_source.items()]


def test_lines_rows_and_elements_know_their_line(tmp_path: Path) -> None:
    assert read(source(tmp_path, "a.jsonl", '{"a": 1}\n\n{"a": 2}\n')) == [
        (1, {"a": {"N": "1"}}),
        (3, {"a": {"N": "2"}}),
    ]
    assert read(source(tmp_path, "a.csv", "a,b\n1,\n2,x\n", a="N"))[1] == (3, {"a": {"N": "2"}, "b": {"S": "x"}})
    assert [line for line, _ in read(source(tmp_path, "a.json", '[\n{"a": 1},\n\n{"a": 2}]'))] == [2, 4]


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(-(10**37), 10**37), max_size=3), max_size=8))
def test_an_array_is_read_in_pieces(tmp_path_factory: pytest.TempPathFactory, elements: list[dict[str, int]]) -> None:
    read_back = read(source(tmp_path_factory.mktemp("array"), "a.json", json.dumps(elements, indent=1)))
    assert [item for _, item in read_back] == [
        {key: to_attribute(value) for key, value in item.items()} for item in elements
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": \n', "a.jsonl:2: is not JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: an item must be a mapping, not a list"),
        ("a.json", "{}", "a.json:1: must be a JSON array of items"),
        ("a.json", '[{"a": 1}', "a.json:1: is not JSON"),
        ("a.csv", "a\n1,2\n", "a.csv:2: has more cells than the header"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ItemError) as caught:
        read(source(tmp_path, name, text))
    assert str(caught.value).startswith(said)


def sums_of(items: dict[str, int]) -> Sums:
    sums = Sums()
    for key, value in items.items():
        item = {"id": {"S": key}, "n": {"N": str(value)}}
        sums.add(key_text(item, ("id",)), item)
    return sums


sets = st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=40)


@given(sets, sets)
def test_sums_are_equal_exactly_for_equal_sets(first: dict[str, int], other: dict[str, int]) -> None:
    backwards = dict(reversed(first.items()))
    assert sums_of(first).total() == sums_of(backwards).total()
    assert (sums_of(first).differing(sums_of(other)) == []) is (first == other)


def test_groups_hold_every_bucket_once() -> None:
    sums, other = sums_of({str(number): 1 for number in range(3000)}), sums_of({})
    differing = sums.differing(other)
    assert sorted(bucket for group in groups(differing, sums, other) for bucket in group) == differing


@given(st.sets(st.text(max_size=4)), st.sets(st.text(max_size=4)))
def test_hashes_of_keys_tell_what_is_among_them(first: set[str], other: set[str]) -> None:
    both = Keys.of(map(key_hash, first)) | Keys.of(map(key_hash, other))
    assert all(key in both for key in first | other)
    assert "longer than any" not in both
    assert Keys.of(map(key_hash, first | other)) == both


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.jsonl",
            b'{"a": 1}\n{"a": \n[1]\n{"a": 2}\n',
            [
                "a.jsonl:2: is not JSON",
                "a.jsonl:3: an item must be a mapping, not a list",
            ],
        ),
        (
            "a.csv",
            b"a,b\n1,2,3\n4,5\n6,7,8\n",
            ["a.csv:2: has more cells than the header", "a.csv:4: has more cells than the header"],
        ),
        ("a.csv", b"a\n1\n\xff\n", ["a.csv:3: is not UTF-8"]),
        ("a.json", b'[{"a": "\xff"}]', ["a.json:1: is not UTF-8"]),
        ("a.json", b'\xef\xbb\xbf[{"a": 1}]', []),
    ],
)
def test_reading_goes_on_after_what_is_wrong(tmp_path: Path, name: str, content: bytes, said: list[str]) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    entries = Source(file=file, shown=name, format=file.suffix[1:], types={}, separator="|").entries()
    wrong = [str(entry) for _, entry in entries if isinstance(entry, ItemError)]
    assert [message[: len(text)] for message, text in zip(wrong, said, strict=True)] == said


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "fixtures.yaml").write_text(
        "apiVersion: bootstrap.dev/v1\nkind: Seeds\n"
        "dynamodb: {orders: {keys: {partition: id}, itemFiles: rows.jsonl}}\n"
    )
    row = '{{"id": "{}", "text": "' + "x" * 2500 + '"}}\n'
    (tmp_path / "rows.jsonl").write_text("".join(row.format(number) for number in range(4000)))
    services = all_services()
    fixture = next(iter(load([tmp_path], services, {}).by_id.values()))
    contents = Contents.of(fixture, fixture.body, definition(fixture.body))
    tracemalloc.start()
    try:
        assert contents.summary().sums.count == 4000
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()
