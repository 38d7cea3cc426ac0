"""What may be deleted because it left the repository, and what must not."""

from dataclasses import replace

import pytest

from bootstrap.errors import Place, Problem
from bootstrap.model.kube import ref_of
from bootstrap.model.observed import ClusterObserved, InventoryEntry, Observed, ReleaseObserved, TargetState
from bootstrap.model.release import FluxRepo, Kustomization, chain_of
from bootstrap.model.step import DeleteObjects, UninstallRelease
from bootstrap.plan.build import build_plan
from bootstrap.plan.desired import Desired
from bootstrap.plan.emulator import EMULATOR_PART
from fakes.ports import KUBE
from fakes.repo import config_map, kustomization, stack

ENTRY = kustomization("dev", built=({"kind": "Kustomization"},))
"""It holds other Kustomizations alone."""
APPS, ENTRY_ID = "flux-system/apps", "flux-system/dev"
GONE = ref_of(config_map("gone"))


def observed(*, owner: str = APPS, within: tuple[str, ...] = (APPS, ENTRY_ID)) -> Observed:
    """Release `apps/left` and ConfigMap `gone`, brought up for Kustomization `owner`."""
    chain = chain_of(within[0], within[1:]) if within else ()
    left = ReleaseObserved(
        namespace="apps", release_name="left", status="deployed", revision=1, fingerprint="f", owner="apps/left",
        within=chain,
    )  # fmt: skip
    return Observed(
        cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE),
        releases={"apps/left": left},
        inventory={owner: InventoryEntry(fingerprint="f", objects=(GONE,), within=chain)},
    )


def apps(*, holds: bool = True, suspended: bool = False, unread: str = "") -> Kustomization:
    objects = (config_map("stays"),) if holds else ()
    return kustomization("apps", *objects, parent=ENTRY_ID, suspended=suspended, unread=unread)


def deleted(
    *kustomizations: Kustomization, there: Observed | None = None, prune_all: bool = False, problem: bool = False
) -> tuple[list[str], list[str]]:
    """What `--prune` deletes, and the notes."""
    problems = (Problem(place=Place(file="a.yaml"), text="is odd"),) if problem else ()
    repo = FluxRepo(kustomizations=kustomizations, problems=problems)
    desired = Desired(stack=stack(), repo=repo, prune=True, prune_all=prune_all)
    plan = build_plan(desired, there or observed())
    removing = (step for step in plan.steps if isinstance(step.action, DeleteObjects | UninstallRelease))
    return [str(step.id) for step in removing], [note.text for note in plan.notes]


ALL = ["prune/apps/left", "prune-objects/flux-system/apps"]


def test_what_a_kustomization_no_longer_holds_goes() -> None:
    assert deleted(ENTRY, apps()) == (ALL, [])


def test_nothing_goes_while_anything_cannot_be_read() -> None:
    removed, notes = deleted(ENTRY, apps(), problem=True)
    assert removed == []
    assert notes == ["nothing is pruned while the repository has problems: what cannot be read may still be declared"]


@pytest.mark.parametrize("entry", [(ENTRY,), (ENTRY, apps(holds=False)), ()])
def test_a_kustomization_that_is_gone_or_empty_needs_its_own_consent(entry: tuple[Kustomization, ...]) -> None:
    removed, notes = deleted(*entry)
    assert removed == []
    assert notes == [
        "a Kustomization is no longer in the repository, or is empty: release apps/left stays."
        " Bring its file back; or delete all that it brought up: bootstrap up test --prune-all",
        "Kustomization flux-system/apps is no longer in the repository, or is empty: ConfigMap apps/gone stays."
        " Bring its file back; or delete all that it brought up: bootstrap up test --prune-all",
    ]
    assert deleted(*entry, prune_all=True) == (ALL, [])


@pytest.mark.parametrize("prune_all", [False, True])
@pytest.mark.parametrize(
    ("part", "why"),
    [
        (apps(suspended=True), "it, or its parent, is suspended"),
        (apps(holds=False, unread="they come from elsewhere"), "they come from elsewhere"),
    ],
)
def test_what_is_below_something_that_is_not_read_stays(part: Kustomization, why: str, *, prune_all: bool) -> None:
    below = observed(owner="flux-system/child", within=("flux-system/child", APPS, ENTRY_ID))
    removed, notes = deleted(ENTRY, part, there=below, prune_all=prune_all)
    assert removed == []
    assert (
        f"release apps/left, ConfigMap apps/gone stays: it belongs to Kustomization {APPS}, which is not read ({why})"
        in notes
    )


def test_what_is_elsewhere_goes_although_something_is_not_read() -> None:
    other = kustomization("other", parent=ENTRY_ID, suspended=True)
    removed, _ = deleted(ENTRY, apps(), other)
    assert removed == ALL


def test_what_may_be_below_something_that_is_not_read_stays() -> None:
    """An older version did not record what a release is below."""
    other = kustomization("other", parent=ENTRY_ID, suspended=True)
    removed, notes = deleted(ENTRY, apps(), other, there=observed(within=()), prune_all=True)
    assert removed == []
    assert any("may belong to what is not read (Kustomization flux-system/other)" in note for note in notes)
    assert deleted(ENTRY, apps(), there=observed(within=())) == (ALL, [])


def test_our_own_part_is_of_no_kustomization() -> None:
    removed, _ = deleted(ENTRY, apps(), there=observed(owner=EMULATOR_PART, within=()))
    assert f"prune-objects/{EMULATOR_PART}" in removed


def test_advice_is_given_only_for_what_prune_would_delete() -> None:
    def advice(*kustomizations: Kustomization, problems: tuple[Problem, ...] = ()) -> list[str]:
        desired = Desired(stack=stack(), repo=FluxRepo(kustomizations=kustomizations, problems=problems))
        releases_alone = replace(observed(), inventory={})
        return [note.text for note in build_plan(desired, releases_alone).notes if "remove it" in note.text]

    assert advice(ENTRY, apps()) == [
        "release apps/left is no longer in the repository; remove it with: bootstrap up test --prune"
    ]
    assert advice(ENTRY, apps(), problems=(Problem(place=Place(file="a"), text="b"),)) == []
    assert advice(ENTRY, apps(suspended=True)) == []
    assert advice(ENTRY) == []
