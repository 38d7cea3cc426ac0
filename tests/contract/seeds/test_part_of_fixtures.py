"""A path that names a part of the fixtures never makes the rest count as no longer declared."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.emulators.endpoint import empty
from bootstrap.errors import InvalidError, RefusedError
from bootstrap.seeds.model import Action
from bootstrap.seeds.results import SeedPlan
from bootstrap.seeds.seeding import Seeding
from bootstrap.system.work import Work
from fakes.bench import HEAD, Bench

pytestmark = pytest.mark.e2e


def seeding(bench: Bench, paths: Sequence[Path], whole: Sequence[Path] = ()) -> Seeding:
    return replace(bench.seeding(), paths=paths, whole=whole)


def queues(bench: Bench) -> set[str]:
    listed = bench.client("sqs").list_queues().get("QueueUrls", ())
    return {url.rpartition("/")[2] for url in listed if "bootstrap-marker" not in url}


def orphans(plan: SeedPlan) -> list[str]:
    return [str(resource.id) for resource in plan.resources if resource.action is Action.ORPHANED]


@pytest.fixture
def part(bench: Bench) -> Path:
    """The second of two files; `gone` was declared once."""
    bench.apply("sqs: {one: {}, gone: {}}")
    bench.write("sqs: {one: {}}")
    part = bench.fixtures / "two.yaml"
    part.write_text(f"{HEAD}sqs: {{two: {{}}}}\n")
    bench.apply()
    return part


def test_only_what_no_file_declares_is_pruned(bench: Bench, part: Path) -> None:
    narrowed = seeding(bench, [part], [bench.fixtures])
    assert orphans(narrowed.plan(bench.endpoint, bench.cancel)) == ["sqs/gone"]
    narrowed.prune(bench.endpoint, Work(bench.cancel))
    assert queues(bench) == {"one", "two"}


def test_nothing_is_pruned_if_the_rest_cannot_be_read(bench: Bench, part: Path) -> None:
    (bench.fixtures / "fixtures.yaml").write_text(f"{HEAD}sqs: {{one: {{no: such}}}}\n")
    narrowed = seeding(bench, [part], [bench.fixtures])
    plan = narrowed.plan(bench.endpoint, bench.cancel)
    assert orphans(plan) == []
    assert any("what is no longer declared is not listed" in note for note in plan.notes)
    with pytest.raises(InvalidError):
        narrowed.prune(bench.endpoint, Work(bench.cancel))
    lost = seeding(bench, [part], [bench.folder / "lost"])
    with pytest.raises(RefusedError, match="fixtures that were applied before are gone"):
        lost.prune(bench.endpoint, Work(bench.cancel))
    assert queues(bench) == {"one", "two", "gone"}


def test_a_part_does_not_reset_the_whole(bench: Bench, part: Path) -> None:
    def emptied(*_: object) -> object:
        raise AssertionError

    narrowed = seeding(bench, [part], [bench.fixtures])
    with pytest.raises(RefusedError, match="declares only a part: 1 resources would be missing") as raised:
        narrowed.reset(bench.endpoint, Work(bench.cancel), emptied)  # type: ignore[arg-type] # never called
    assert raised.value.fix == "leave out the path, or reset by name: bootstrap seed reset --only sqs/two"
    assert queues(bench) == {"one", "two", "gone"}
    whole = seeding(bench, [bench.fixtures])
    whole.reset(
        bench.endpoint, Work(bench.cancel), lambda through_api: empty(bench.endpoint, bench.cancel, through_api)
    )
    assert queues(bench) == {"one", "two"}


def test_without_anything_declared_there_is_nothing_to_compare_with(bench: Bench, part: Path) -> None:
    for file in (part, bench.fixtures / "fixtures.yaml"):
        file.write_text("# everything is commented out\n")
    nothing = seeding(bench, [bench.fixtures])
    for verb in (
        lambda: nothing.plan(bench.endpoint, bench.cancel),
        lambda: nothing.prune(bench.endpoint, Work(bench.cancel)),
    ):
        with pytest.raises(RefusedError, match="declares nothing to compare with: all 3 resources") as raised:
            verb()
        assert raised.value.evidence == ("sqs/gone", "sqs/one", "sqs/two")
    assert queues(bench) == {"one", "two", "gone"}
