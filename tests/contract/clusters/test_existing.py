"""Provider existing against a cluster that somebody else brought up: an embedded one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from bootstrap.clusters.existing.provider import ExistingProvider
from bootstrap.errors import RefusedError
from bootstrap.model.observed import TargetState
from bootstrap.model.stack import ClusterSpec, Provider, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.embedded import Embedded

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path_factory.mktemp("theirs"))
    embedded.up()
    yield embedded
    embedded.delete()


def token() -> CancelToken:
    return CancelToken(SystemClock()).within(60, "the test")


def ignore(_text: str) -> None:
    """Nobody listens."""


def provider(theirs: Embedded, folder: Path, uid: str | None) -> ExistingProvider:
    context = str(yaml.safe_load(theirs.state.kubeconfig.read_text())["current-context"])
    spec = ClusterSpec(provider=Provider.EXISTING, context=context, uid=uid)
    environment: Mapping[str, str] = {"KUBECONFIG": str(theirs.state.kubeconfig)}
    return ExistingProvider(spec, StatePaths(folder=folder), SystemProcesses(SystemClock()), environment)


def uid_of(theirs: Embedded) -> str:
    kube = theirs.provider.observe(theirs.token()).kube
    assert kube is not None
    return kube.uid


def test_its_life(theirs: Embedded, tmp_path: Path) -> None:
    before = theirs.state.kubeconfig.read_bytes()
    existing = provider(theirs, tmp_path, uid_of(theirs))
    said: list[str] = []
    assert existing.observe(token()).state is TargetState.ABSENT
    kube = existing.up(Work(token(), said.append))
    assert said
    assert (kube.uid, kube.simulated) == (uid_of(theirs), False)
    assert kube.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert existing.observe(token()).kube == kube
    assert existing.up(Work(token(), ignore)) == kube

    existing.delete(Work(token(), ignore))
    existing.delete(Work(token(), ignore))
    assert existing.observe(token()).state is TargetState.ABSENT
    assert list(tmp_path.iterdir()) == []
    assert theirs.observe()[0] is TargetState.RUNNING
    assert theirs.state.kubeconfig.read_bytes() == before


def test_without_a_uid_the_refusal_tells_the_one_to_paste(theirs: Embedded, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not say which cluster") as refused:
        provider(theirs, tmp_path, None).up(Work(token(), ignore))
    assert f"uid: {uid_of(theirs)}" in str(refused.value.fix)
    assert not (tmp_path / "kubeconfig").exists()


def test_another_cluster_is_refused_and_nothing_is_kept(theirs: Embedded, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=f"its kube-system has uid {uid_of(theirs)}, not another"):
        provider(theirs, tmp_path, "another").up(Work(token(), ignore))
    assert not (tmp_path / "kubeconfig").exists()


def test_a_cluster_that_became_another_is_told(theirs: Embedded, tmp_path: Path) -> None:
    provider(theirs, tmp_path, uid_of(theirs)).up(Work(token(), ignore))
    observed = provider(theirs, tmp_path, "another").observe(token())
    assert (observed.state, observed.kube) == (TargetState.FOREIGN, None)


def test_one_that_does_not_answer(theirs: Embedded, tmp_path: Path) -> None:
    existing = provider(theirs, tmp_path, uid_of(theirs))
    kube = existing.up(Work(token(), ignore))
    kube.kubeconfig.write_text(
        kube.kubeconfig.read_text().replace('"server": "https://', '"server": "https://127.0.0.1:1/')
    )
    assert existing.observe(token()).state is TargetState.BROKEN
