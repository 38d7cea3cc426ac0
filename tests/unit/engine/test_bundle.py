"""`up --offline`: what is missing is named at once, or comes out of a bundle; nothing else is fetched."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from bootstrap.engine.bundle import MissingError, create_bundle, lacking
from bootstrap.engine.session import Session
from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleHead
from bootstrap.model.observed import TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import BuiltImage, ImageSpec
from bootstrap.ports import Ports
from bootstrap.state.bundle_file import write_bundle
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.ports import FakeBundledImages, FakeImages, World
from fakes.repo import kustomization, release
from fakes.setting import HOW, REPO, Setting

OFFLINE = dataclasses.replace(HOW, offline=True)
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {
        "containers": [
            {"name": "web", "image": "web:1"},
            {"name": "latest", "image": "side"},
            {"name": "always", "image": "other:1", "imagePullPolicy": "Always"},
        ]
    },
}


@dataclasses.dataclass
class OnDocker(Setting):
    """A stack whose pods run."""

    engine: FakeBundledImages = dataclasses.field(default_factory=FakeBundledImages)

    @property
    def session(self) -> Session:
        session = super().session
        ports: Ports = dataclasses.replace(
            session.ports,
            images=FakeImages(self.world, unknown=frozenset({"web:1"} - self.engine.here)),
            bundled_images=self.engine,
        )
        return dataclasses.replace(session, ports=ports)


def test_all_that_is_missing_is_named_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    setting = OnDocker(tmp_path, World(missing=("kind",), charts={"apps/a"}, repo=with_pod()))
    with pytest.raises(MissingError, match="6 missing") as refused:
        setting.up(how=OFFLINE)
    assert [line.partition(" (")[0] for line in refused.value.evidence] == [
        "program kind: bootstrap tools fetch kind",
        "chart of apps/b: bootstrap images test",
        "image node:1: docker pull node:1",
        "image web:1: docker pull web:1",
        "image side of objects/flux-system/plain, which nodes ask its registry for at every start: "
        "set imagePullPolicy: IfNotPresent, or name a tag other than latest",
        "image other:1 of objects/flux-system/plain, which nodes ask its registry for at every start: "
        "set imagePullPolicy: IfNotPresent, or name a tag other than latest",
    ]
    assert refused.value.shown_lines > len(refused.value.evidence)
    assert setting.world.writes == []
    assert setting.world.cluster is TargetState.ABSENT


def with_pod() -> FluxRepo:
    return dataclasses.replace(REPO, kustomizations=(*REPO.kustomizations, kustomization("plain", POD)))


def test_without_helm_charts_are_not_looked_for(tmp_path: Path) -> None:
    setting = Setting(tmp_path, World(missing=("helm",), repo=REPO))
    with pytest.raises(MissingError) as refused:
        setting.up(how=OFFLINE)
    assert refused.value.evidence == ("program helm: bootstrap tools fetch helm",)


def test_what_is_all_here_comes_up(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    assert setting.up(how=OFFLINE).exit_code == 0
    assert "install apps/b" in setting.world.writes


def test_a_bundle_brings_what_is_missing(tmp_path: Path) -> None:
    file = bundle(tmp_path)
    setting = OnDocker(tmp_path, World(missing=("helm",), repo=REPO))
    assert setting.up(how=dataclasses.replace(OFFLINE, bundle=file)).exit_code == 0
    assert setting.world.writes[:2] == ["load programs", "load charts"]
    assert not any(write.startswith("pull") for write in setting.world.writes)
    assert setting.engine.here == {"node:1"}
    assert not (setting.session.state.folder / "bundle").exists()


def test_a_bundle_that_nothing_is_missing_of_is_not_opened(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    assert setting.up(how=dataclasses.replace(OFFLINE, bundle=tmp_path / "none")).exit_code == 0


def test_what_the_bundle_lacks_is_named(tmp_path: Path) -> None:
    file = bundle(tmp_path)
    more = dataclasses.replace(REPO, releases=(*REPO.releases, release("c")))
    more = dataclasses.replace(more, kustomizations=(kustomization("apps", releases=["apps/a", "apps/b", "apps/c"]),))
    setting = OnDocker(tmp_path, World(missing=("helm",), repo=more))
    with pytest.raises(MissingError) as refused:
        setting.up(how=dataclasses.replace(OFFLINE, bundle=file))
    assert [line.partition(":")[0] for line in refused.value.evidence] == ["chart of apps/c"]


def test_without_offline_the_rest_is_fetched(tmp_path: Path) -> None:
    file = bundle(tmp_path)
    fetched: list[str] = []
    world = World(missing=("helm", "kind"), repo=REPO, fetch=lambda _work: fetched.append("kind"))
    assert OnDocker(tmp_path, world).up(how=dataclasses.replace(HOW, bundle=file)).exit_code == 0
    assert fetched == ["kind"]


def test_a_bundle_of_another_kind_of_machine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    head = BundleHead(stack="test", provider="kwok", platform="darwin/arm64", items=())
    setting = Setting(tmp_path, World(missing=("helm",), repo=REPO))
    write_bundle(tmp_path / "b", tmp_path / "content", head, setting.cancel)
    with pytest.raises(RefusedError, match=r"is for darwin/arm64, this machine is linux/amd64"):
        setting.up(how=dataclasses.replace(OFFLINE, bundle=tmp_path / "b"))
    assert setting.world.writes == []


def bundle(folder: Path) -> Path:
    """One of this stack, made on another machine."""
    maker = OnDocker(folder / "maker", World(missing=("helm",), charts={"apps/a", "apps/b"}, repo=REPO))
    head = create_bundle(maker.session, folder / "b.tar.zst", Work(maker.cancel))
    assert [f"{item.kind} {item.name}" for item in head.items] == ["program helm", "chart a", "chart b", "image node:1"]
    return folder / "b.tar.zst"


@dataclasses.dataclass
class Builds:
    """Of one image that a pod uses, and of one that nothing uses."""

    engine: FakeBundledImages
    images: None = None
    references: frozenset[str] = frozenset({"web:1", "unused:1"})

    @property
    def declared(self) -> Sequence[BuiltImage]:
        spec = ImageSpec(name="web", context=Path("/web"), dockerfile=Path("/web/Dockerfile"))
        return tuple(BuiltImage(spec=spec, reference=reference) for reference in sorted(self.references))

    def built(self, cancel: CancelToken) -> frozenset[str]:
        cancel.check()
        return frozenset(self.engine.here)

    def build(self, image: BuiltImage, work: Work) -> None:
        work.cancel.check()
        self.engine.here.add(image.reference)


def test_images_of_the_stack_s_own_are_built_into_the_bundle_and_named_if_they_are_missing(tmp_path: Path) -> None:
    setting = OnDocker(tmp_path, World(charts={"apps/a", "apps/b"}, repo=with_pod()))
    session = setting.session
    session = dataclasses.replace(session, ports=dataclasses.replace(session.ports, builds=Builds(setting.engine)))
    missing = [str(each) for each in lacking(session, setting.cancel)]
    assert "image web:1: bootstrap up test, which builds it" in missing
    create_bundle(session, tmp_path / "b.tar.zst", Work(setting.cancel))
    assert setting.engine.here == {"web:1"}
