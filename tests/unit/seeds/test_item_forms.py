"""Files of items in the forms of AWS's own tools."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.seeds.services.dynamodb.items import ItemError, Source

ADA = {"id": {"S": "ada"}, "n": {"N": "1"}}
BOB = {"id": {"S": "bob"}, "Item": {"M": {"sku": {"S": "x"}}}}


def source(folder: Path, content: str | bytes, name: str = "rows.json", kind: str = "json") -> Source:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Source(file=file, shown=name, format=kind, types={}, separator="|", table="people", keys=("id",))


def read(file: Source) -> list[Any]:
    entries = file.items()
    return [item for _, item in entries]


@pytest.mark.parametrize(
    "root",
    [
        {"people": [{"PutRequest": {"Item": ADA}}, {"PutRequest": {"Item": BOB}}]},
        {"RequestItems": {"others": [], "people": [{"PutRequest": {"Item": ADA}}, {"PutRequest": {"Item": BOB}}]}},
        {"Items": [ADA, BOB], "Count": 2, "ScannedCount": 2, "ConsumedCapacity": None},
        {"TransactItems": [{"Put": {"TableName": "people", "Item": item}} for item in (ADA, BOB)]},
        [ADA, BOB],
    ],
    ids=["batch", "batch request", "scan", "transaction", "array"],
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("kind", ["json", "dynamodb"])
def test_a_form_that_holds_items_is_recognised(tmp_path: Path, root: object, indent: int | None, kind: str) -> None:
    assert read(source(tmp_path, json.dumps(root, indent=indent), kind=kind)) == [ADA, BOB]


def test_an_export_to_s3_is_read_compressed_or_not(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"Item": item}) + "\n" for item in (ADA, BOB))
    assert read(source(tmp_path, lines, kind="dynamodb")) == [ADA, BOB]
    assert read(source(tmp_path, gzip.compress(lines.encode()), "rows.json.gz", "dynamodb")) == [ADA, BOB]


def test_a_put_item_request_is_one_item(tmp_path: Path) -> None:
    assert read(source(tmp_path, json.dumps({"TableName": "people", "Item": ADA}, indent=1))) == [ADA]


@pytest.mark.parametrize(
    "item",
    [
        {"id": {"S": "1"}, "Item": {"S": "lamp"}},
        {"id": {"S": "1"}, "Item": {"M": {"sku": {"S": "x"}}}},
        {"id": {"S": "1"}, "PutRequest": {"M": {"Item": {"M": {"id": {"S": "2"}}}}}},
        {"id": {"S": "1"}, "S": {"S": "x"}, "M": {"M": {"S": {"S": "x"}}}},
        {"id": {"S": "1"}, "Items": {"L": []}, "Count": {"N": "1"}},
    ],
)
def test_an_attribute_may_have_any_name(tmp_path: Path, item: dict[str, Any]) -> None:
    assert read(source(tmp_path, json.dumps(item) + "\n", "rows.jsonl", "dynamodb")) == [item]


def test_plain_items_stay_plain(tmp_path: Path) -> None:
    plain = [{"id": "1", "S": {"S": "x"}}]
    assert read(source(tmp_path, json.dumps(plain))) == [{"id": {"S": "1"}, "S": {"M": {"S": {"S": "x"}}}}]


@pytest.mark.parametrize(
    ("root", "problem"),
    [
        (
            {"others": [{"PutRequest": {"Item": ADA}}]},
            "rows.json:1: is a BatchWriteItem request for others, not for people",
        ),
        (
            {"people": [{"DeleteRequest": {"Key": {"id": {"S": "1"}}}}]},
            "rows.json:3: is a BatchWriteItem request with DeleteRequest: only PutRequest is an item",
        ),
        ({"a": 1, "b": 2}, "rows.json:1: is an object in an unknown format (a JSON array of items,"),
        (
            {"Metadata": {}, "Keys": {}, "NewImage": {}},
            "rows.json:1: is an incremental export to S3: only a full export holds items",
        ),
        ({"manifestFilesS3Key": "x"}, "rows.json:1: is the manifest of an export to S3: name its data files"),
    ],
)
def test_what_holds_no_items_is_named_by_what_it_is(tmp_path: Path, root: object, problem: str) -> None:
    with pytest.raises(ItemError) as caught:
        read(source(tmp_path, json.dumps(root, indent=1)))
    assert str(caught.value).startswith(problem)


def test_ion_is_named(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="is Amazon Ion: export the table as DynamoDB JSON"):
        read(source(tmp_path, '$ion_1_0 {Item:{id:"a"}}\n', kind="dynamodb"))


def test_each_item_has_its_line(tmp_path: Path) -> None:
    text = json.dumps({"people": [{"PutRequest": {"Item": ADA}}, {"PutRequest": {"Item": {"id": 3}}}]}, indent=1)
    places = [(str(place), isinstance(item, ItemError)) for place, item in source(tmp_path, text).entries()]
    assert places == [("rows.json:3", False), ("rows.json:15", True)]
