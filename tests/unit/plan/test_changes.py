"""The table of what a changed field comes to, and its copy in the documentation."""

from pathlib import Path

import pytest

from bootstrap.cli.machine import REQUIRED
from bootstrap.config.schema import STACK
from bootstrap.model.replacement import Change
from bootstrap.model.stack import Provider
from bootstrap.plan.changes import CLUSTER, EMULATOR, Effect, effect_of, table_text

DOCS = Path(__file__).parents[3] / "docs" / "clusters.md"


def fields_of(section: str) -> set[str]:
    """Every field of a section of the stack file, as it is written."""
    names = set()
    for name, field in STACK.fields[section].kind.fields.items():  # type: ignore[union-attr] # both are sections
        below = getattr(field.kind, "fields", None)
        names |= {f"{section}.{name}.{key}" for key in below} if below else {f"{section}.{name}"}
    return names


@pytest.mark.parametrize(("section", "table"), [("cluster", CLUSTER), ("emulator", EMULATOR)])
def test_every_field_of_the_stack_file_has_a_row(section: str, table: dict[str, object]) -> None:
    assert set(table) == fields_of(section)


def test_every_provider_has_a_column_and_its_programs() -> None:
    providers = set(Provider) - {Provider.AUTO}
    assert all(set(effects) == providers for effects in CLUSTER.values())
    assert set(REQUIRED) == set(Provider)


def test_the_documentation_shows_the_table() -> None:
    assert table_text() in DOCS.read_text()


def test_a_path_below_a_field_counts_as_the_field() -> None:
    change = Change(field="cluster.config nodes.0.role", old="a", new="b")
    assert effect_of(change, Provider.KIND) is Effect.REPLACE
    assert effect_of(Change(field="cluster.workers", old="0", new="1"), Provider.KWOK) is Effect.IN_PLACE


@pytest.mark.parametrize(("old", "new", "effect"), [("0", "2", Effect.IN_PLACE), ("2", "1", Effect.REPLACE)])
def test_a_count_grows_in_place(old: str, new: str, effect: Effect) -> None:
    assert effect_of(Change(field="cluster.workers", old=old, new=new), Provider.K3D) is effect
