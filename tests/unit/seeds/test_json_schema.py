"""The JSON Schema of fixture files: it fits what is shipped, and refuses what the loader's schema refuses."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bootstrap.seeds.json_schema import SCHEMA_ID, fixture_schema, published_schema
from bootstrap.seeds.services.registry import all_services
from bootstrap.yamltext.positions import read_documents

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "seeds.schema.json"
SHIPPED = sorted([*ROOT.glob("localstack-init/*.yaml"), *ROOT.glob("stacks/quickstart/seeds/*.yaml")])
CONFORMANCE = sorted(ROOT.glob("tests/data/seeds/conformance/*.yaml"))
INVALID = ROOT / "tests" / "data" / "seeds"
VALIDATOR = jsonschema.Draft202012Validator(fixture_schema(all_services()))


def fits(file: Path) -> bool:
    return all(VALIDATOR.is_valid(document.value) for document in read_documents(file))


def test_the_published_schema_is_in_step_and_names_itself() -> None:
    assert PUBLISHED.read_text() == published_schema(all_services()), "write it anew: python scripts/schema.py"
    jsonschema.Draft202012Validator.check_schema(fixture_schema(all_services()))
    assert fixture_schema(all_services())["$id"] == SCHEMA_ID


@pytest.mark.parametrize("file", [*SHIPPED, *CONFORMANCE], ids=lambda file: file.stem)
def test_what_is_shipped_fits(file: Path) -> None:
    assert fits(file)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_shipped_file_names_the_schema_in_its_first_line(file: Path) -> None:
    start, _, name = file.read_text().partition("\n")[0].partition("=")
    assert start == "# yaml-language-server: $schema"
    assert (file.parent / name).resolve() == PUBLISHED


REFUSED = (
    "dynamodb-aws-required",
    "dynamodb-billing",
    "dynamodb-key-type",
    "dynamodb-no-partition",
    "lambda-aws-ours",
    "lambda-memory",
    "lambda-no-source",
    "s3-aws-enum",
    "s3-aws-nested-typo",
    "s3-aws-unknown-member",
    "s3-notification-two-receivers",
    "s3-unknown-key",
    "s3-versioning-text",
    "secretsmanager-no-value",
    "secretsmanager-two-values",
    "shared-no-api-version",
    "shared-unknown-service",
    "sns-subscription-aws-ours",
    "sqs-message-both",
    "sqs-unknown-key",
)


@pytest.mark.parametrize("name", REFUSED)
def test_an_editor_sees_what_the_shape_alone_shows(name: str) -> None:
    assert not fits(INVALID / f"invalid-{name}.yaml")


def problems_of(value: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_a_variable_or_reference_may_stand_for_a_number() -> None:
    value = {
        "apiVersion": "bootstrap.dev/v1",
        "kind": "Seeds",
        "sqs": {"q": None, "dead": {"deadLetterQueue": {"queue": "q", "maxReceiveCount": "${count}"}}},
    }
    assert problems_of(value) == []
