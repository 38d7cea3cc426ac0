import os
from pathlib import Path

import pytest

from bootstrap.errors import DeadlineError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import PROGRAMS
from bootstrap.toolchain.source import Origin
from fakes.clock import FakeClock

HELM, KUBECTL = PROGRAMS["helm"], PROGRAMS["kubectl"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path / "programs", platform=Platform(system="linux", machine="arm64"))


def make(folder: Path, name: str) -> Path:
    (folder / name).write_text("program")
    (folder / name).chmod(0o755)
    return folder


def fill_the_disk(store: Store, killed: Path) -> None:
    with store.workplace("helm") as workplace:
        assert not killed.exists()
        make(workplace, "helm")
        raise OSError("disk full")


def test_a_kept_program_is_found_with_its_origin(store: Store) -> None:
    origin = Origin(version="4.1.4", source="download from x", path="helm", sha256="0" * 64)
    with store.workplace("helm") as workplace:
        kept = store.keep(HELM, origin, make(workplace, "helm"))
    assert kept == store.root / "helm/4.1.4/linux-arm64/helm"
    assert store.find(HELM) == (kept, origin)
    assert list((store.root / ".work").iterdir()) == []


def test_the_wanted_version_is_before_the_other_one(store: Store) -> None:
    for version in reversed(KUBECTL.versions):
        with store.workplace("kubectl") as workplace:
            store.keep(KUBECTL, Origin(version=version, source="", path="kubectl"), make(workplace, "kubectl"))
        cached = store.find(KUBECTL)
        assert cached is not None
        assert cached[1].version == version


def test_what_failed_leaves_nothing_and_a_killed_run_s_folder_goes_next(store: Store) -> None:
    killed = store.root / ".work/helm.killed"
    killed.mkdir(parents=True)
    other = store.root / ".work/kind.other"
    other.mkdir()
    with pytest.raises(OSError, match="disk full"):
        fill_the_disk(store, killed)
    assert list((store.root / ".work").iterdir()) == [other]
    assert store.find(HELM) is None


def test_a_dropped_program_is_gone(store: Store) -> None:
    with store.workplace("helm") as workplace:
        store.keep(HELM, Origin(version="4.1.4", source="", path="helm"), make(workplace, "helm"))
    store.drop(HELM)
    assert store.find(HELM) is None


def test_a_second_run_waits_and_names_the_first(store: Store) -> None:
    token, messages = CancelToken(FakeClock()), list[str]()
    with (
        store.claim("helm", Work(token, messages.append)),
        pytest.raises(DeadlineError, match="patience was not done within 30s"),
        store.claim("helm", Work(token.within(30, "patience"), messages.append)),
    ):
        pytest.fail("two hold the claim")
    assert messages[0] == f"waiting for pid {os.getpid()}, which downloads helm"
    assert len(messages) == 3


def test_claims_of_two_programs_do_not_meet(store: Store) -> None:
    token = CancelToken(FakeClock())
    with store.claim("helm", Work(token, pytest.fail)), store.claim("kind", Work(token, pytest.fail)):
        pass
