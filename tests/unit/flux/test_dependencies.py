"""What waits for what, and circles."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bootstrap.flux.dependencies import Dependency, dependencies, find_cycle
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import FluxRepo, Kustomization, LocalChart, Release


def kustomization(
    name: str,
    *,
    parent: str | None = None,
    needs: Sequence[str] = (),
    releases: Sequence[str] = (),
    wait: bool = False,
    checks: Sequence[str] = (),
) -> Kustomization:
    return Kustomization(
        namespace="f",
        name=name,
        parent=parent,
        depends_on=tuple(f"f/{need}" for need in needs),
        releases=tuple(releases),
        wait=wait,
        health_checks=tuple(
            ObjectRef(api_version="", kind=check.split()[0], namespace="f", name=check.split()[1]) for check in checks
        ),
    )


def release(name: str, *needs: str) -> Release:
    return Release(
        namespace="f",
        name=name,
        release_name=name,
        target_namespace="f",
        chart=LocalChart(path=Path("/c")),
        depends_on=tuple(f"f/{need}" for need in needs),
    )


def lines_of(repo: FluxRepo) -> list[str]:
    return [f"{dependency}{'' if dependency.strict else ' loosely'}" for dependency in dependencies(repo)]


def test_what_depends_on_a_kustomization_waits_for_all_it_brings() -> None:
    repo = FluxRepo(
        kustomizations=(
            kustomization("apps", needs=["infra"], releases=["f/web"]),
            kustomization("infra", releases=["f/db"]),
            kustomization("store", parent="f/infra"),
        )
    )
    assert sorted(lines_of(repo)) == [
        "objects/f/apps needs objects/f/infra (Kustomization f/apps dependsOn f/infra)",
        "objects/f/apps needs objects/f/store (Kustomization f/apps dependsOn f/infra) loosely",
        "objects/f/apps needs release/f/db (Kustomization f/apps dependsOn f/infra) loosely",
        "objects/f/store needs objects/f/infra (Kustomization f/store is in f/infra)",
        "release/f/db needs objects/f/infra (HelmRelease f/db is in Kustomization f/infra)",
        "release/f/web needs objects/f/apps (HelmRelease f/web is in Kustomization f/apps)",
        "release/f/web needs objects/f/infra (Kustomization f/apps dependsOn f/infra)",
        "release/f/web needs objects/f/store (Kustomization f/apps dependsOn f/infra) loosely",
        "release/f/web needs release/f/db (Kustomization f/apps dependsOn f/infra) loosely",
    ]


@pytest.mark.parametrize("ready", [{"wait": True}, {"checks": ["HelmRelease db", "Kustomization store", "Pod p"]}])
def test_what_flux_waits_for_is_strict(ready: dict[str, object]) -> None:
    repo = FluxRepo(
        kustomizations=(
            kustomization("apps", needs=["infra"]),
            kustomization("infra", releases=["f/db"], **ready),  # type: ignore[arg-type]
            kustomization("store", parent="f/infra"),
        )
    )
    strict_by_need = {
        dependency.needs: dependency.strict for dependency in dependencies(repo) if dependency.unit == "objects/f/apps"
    }
    assert strict_by_need == {"objects/f/infra": True, "release/f/db": True, "objects/f/store": True}


def test_a_child_may_depend_on_its_parent_s_objects() -> None:
    repo = FluxRepo(
        kustomizations=(kustomization("top"), kustomization("a", parent="f/top", needs=["top"]), kustomization("b")),
    )
    assert lines_of(repo) == ["objects/f/a needs objects/f/top (Kustomization f/a is in f/top)"]
    assert find_cycle(dependencies(repo)) == ()


def test_a_parent_that_waits_for_a_child_which_depends_on_it_waits_for_ever() -> None:
    repo = FluxRepo(
        kustomizations=(kustomization("top", wait=True), kustomization("a", parent="f/top", needs=["top"])),
    )
    assert [str(dependency) for dependency in find_cycle(dependencies(repo))] == [
        "objects/f/a needs objects/f/a (Kustomization f/a dependsOn f/top)"
    ]


def test_a_name_that_is_nowhere_makes_no_dependency() -> None:
    repo = FluxRepo(
        kustomizations=(kustomization("a", needs=["nowhere"]), kustomization("b", checks=["HelmRelease nowhere"])),
        releases=(release("web", "nowhere"),),
    )
    assert lines_of(repo) == []


def test_a_kustomization_that_checks_itself_ends() -> None:
    repo = FluxRepo(kustomizations=(kustomization("a", checks=["Kustomization a"]), kustomization("b", needs=["a"])))
    assert lines_of(repo) == ["objects/f/b needs objects/f/a (Kustomization f/b dependsOn f/a)"]


def test_kustomizations_that_check_each_other_end() -> None:
    repo = FluxRepo(
        kustomizations=(
            kustomization("a", checks=["Kustomization b"]),
            kustomization("b", checks=["Kustomization a"]),
            kustomization("c", needs=["a"]),
        )
    )
    assert {dependency.needs for dependency in dependencies(repo)} == {"objects/f/a", "objects/f/b"}


def test_a_strict_reason_goes_before_a_loose_one() -> None:
    repo = FluxRepo(
        kustomizations=(
            kustomization("apps", needs=["infra"], releases=["f/web"]),
            kustomization("infra", releases=["f/db"]),
        ),
        releases=(release("web", "db"), release("db")),
    )
    by_ends = {(dependency.unit, dependency.needs): dependency for dependency in dependencies(repo)}
    assert by_ends["release/f/web", "release/f/db"].reason == "HelmRelease f/web dependsOn f/db"


def edge(unit: str, needs: str) -> Dependency:
    return Dependency(unit=unit, needs=needs, reason="said so")


def test_a_circle_is_given_alone_without_the_way_to_it() -> None:
    edges = [edge("a", "b"), edge("b", "c"), edge("b", "x"), edge("c", "d"), edge("d", "b")]
    assert [f"{dependency.unit}{dependency.needs}" for dependency in find_cycle(edges)] == ["bc", "cd", "db"]


def test_a_diamond_is_no_circle() -> None:
    assert find_cycle([edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d"), edge("e", "a")]) == ()


def test_a_long_chain_is_no_trouble() -> None:
    chain = [edge(str(number), str(number + 1)) for number in range(5000)]
    assert find_cycle(chain) == ()
    assert len(find_cycle([*chain, edge("5000", "0")])) == 5001


@pytest.mark.parametrize("seed", range(30))
def test_a_circle_is_found_exactly_when_no_order_exists(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    edges = [edge(str(chance.randrange(12)), str(chance.randrange(12))) for _ in range(chance.randrange(4, 20))]
    left = list(edges)
    while True:
        waiting = {dependency.unit for dependency in left}
        rest = [dependency for dependency in left if dependency.needs in waiting]
        if len(rest) == len(left):
            break
        left = rest
    cycle = find_cycle(edges)
    assert bool(cycle) == bool(left)
    assert all(
        dependency.needs == after.unit for dependency, after in zip(cycle, (*cycle[1:], *cycle[:1]), strict=True)
    )


def test_the_entry_may_depend_on_what_it_holds_itself() -> None:
    """Whoever brings the entry into the cluster brings that too; below the entry it would be a circle."""
    children = (kustomization("controllers", parent="f/cluster"), kustomization("apps", parent="f/cluster"))
    entry = FluxRepo(kustomizations=(kustomization("cluster", needs=["controllers"]), *children))
    assert find_cycle(dependency for dependency in dependencies(entry) if dependency.strict) == ()
    below = kustomization("cluster", parent="f/top", needs=["controllers"])
    repo = FluxRepo(kustomizations=(kustomization("top"), below, *children))
    assert find_cycle(dependency for dependency in dependencies(repo) if dependency.strict)
