"""Which folders Flux would be started with, as the files of a repository show it."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.flux.entries import entries_below
from bootstrap.model.release import FluxRepo

Write = Callable[[str, str], None]


def kustomization(path: str) -> str:
    return textwrap.dedent(
        f"""\
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: x, namespace: flux-system}}
        spec: {{path: {path}}}
        """
    )


INSTANCE = (
    "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux}\nspec: {sync: {path: PATH}}\n"
)
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: f}\n"
BOOTSTRAPPED = {
    "clusters/dev/flux-system/gotk-sync.yaml": kustomization("./clusters/dev"),
    "clusters/dev/apps.yaml": kustomization("./apps/dev"),
    "clusters/prod/flux-system/gotk-sync.yaml": kustomization("clusters/prod"),
    "apps/dev/c.yaml": CONFIG,
}
BY_HAND = {"clusters/dev/apps.yaml": kustomization("./apps"), "apps/c.yaml": CONFIG}
OPERATED = {
    "kubernetes/apps/flux/instance.yaml": INSTANCE.replace("PATH", "kubernetes/flux/cluster"),
    "kubernetes/flux/cluster/ks.yaml": kustomization("./kubernetes/apps"),
}


@pytest.mark.parametrize(
    ("files", "folder", "entries"),
    [
        (BOOTSTRAPPED, ".", ("clusters/dev", "clusters/prod")),
        (BOOTSTRAPPED, "clusters", ("clusters/dev", "clusters/prod")),
        (BOOTSTRAPPED, "clusters/dev", ()),
        (BOOTSTRAPPED, "apps/dev", ()),
        (BY_HAND, ".", ("clusters/dev",)),
        (BY_HAND, "clusters/dev", ()),
        (OPERATED, ".", ("kubernetes/flux/cluster",)),
        ({"apps.yaml": kustomization("./apps"), "apps/c.yaml": CONFIG}, ".", ()),
        ({"flux-system/sync.yaml": kustomization("./")}, ".", ()),
        ({**BY_HAND, "tenants/base/sync.yaml": kustomization("./")}, ".", ("clusters/dev", "tenants/base")),
        ({"kustomization.yaml": "resources: [clusters]\n", **BY_HAND}, ".", ()),
        ({"a/broken.yaml": "kustomize.toolkit.fluxcd.io/v1: [\n", "a/c.yaml": CONFIG}, ".", ()),
    ],
)
def test_the_entries_below_a_folder(
    files: dict[str, str], folder: str, entries: tuple[str, ...], write: Write, tmp_path: Path
) -> None:
    for name, text in files.items():
        write(name, text)
    assert entries_below(tmp_path, folder) == entries


def test_a_folder_above_entries_is_refused_with_their_names(write: Write, read: Callable[..., FluxRepo]) -> None:
    for name, text in BOOTSTRAPPED.items():
        write(name, text)
    with pytest.raises(InvalidError) as raised:
        read(".")
    assert [str(each) for each in raised.value.problems] == [
        ".: is not an entry of Flux but holds clusters/dev, clusters/prod"
    ]
    assert raised.value.fix == "name the entry: clusters/dev (--repo, or source.path of the stack)"
