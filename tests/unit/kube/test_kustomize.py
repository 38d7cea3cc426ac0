from pathlib import Path

import pytest

from bootstrap.kube.kustomize import Kustomize
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses, ok
from fakes.programs import GivenPrograms


def test_kustomize_is_shown_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    processes = FakeProcesses(answers={"kubectl kustomize": ok("kind: A\n")})
    assert (
        Kustomize(GivenPrograms(paths={"kubectl": Path("/bin/kubectl")}), processes).build(
            tmp_path, CancelToken(FakeClock())
        )
        == b"kind: A\n"
    )
    (asked,) = processes.commands
    assert (asked.env or {})["KUBECONFIG"] == "/dev/null"
