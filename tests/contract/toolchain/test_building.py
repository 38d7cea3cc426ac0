"""Builds through real processes, with a stand-in for go that notes how it was called."""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from bootstrap.errors import CancelledError, RefusedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses, started_at
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Toolchain, ToolchainSettings
from bootstrap.toolchain.platforms import Platform

GO = """#!/bin/sh
set -eu
here=$(dirname "$0")
if [ "$1" = version ]; then echo "go version go1.26.8 linux/amd64"; exit; fi
echo "$PWD|$CGO_ENABLED|$GOFLAGS|$GOTOOLCHAIN|$GOWORK|${GOPATH-unset}|$*" >>"$here/calls"
echo "go: downloading example.org/module v1.0.0" >&2
echo "example.org/module/package" >&2
[ ! -e "$here/fails" ] || { echo "module: no such host" >&2; exit 1; }
while [ -e "$here/hangs" ]; do echo $$ >"$here/hanging"; sleep 0.05; done
for name; do last=$name; done
out=$GOBIN/$(basename "${last%@*}")
while [ $# -gt 0 ]; do [ "$1" != -o ] || out=$2; shift; done
cat >"$out" <<'PROGRAM'
#!/bin/sh
case $(basename "$0") in
    helm) echo v4.1.4 ;;
    etcd) echo "etcd Version: 3.6.4" ;;
    k3d) echo "k3d version v5.8.3" ;;
    *) echo "Kubernetes v1.34.4" ;;
esac
PROGRAM
chmod +x "$out"
"""


class Workshop:
    """A machine with a stand-in for go, from which no publisher can be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin with space"
        self.bin.mkdir()
        (self.bin / "go").write_text(GO)
        (self.bin / "go").chmod(0o755)
        (folder / "home").mkdir()
        self.cancel = CancelToken(SystemClock())
        self.said: list[str] = []

    def toolchain(self, **more: str) -> Toolchain:
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "BOOTSTRAP_MIRROR": "http://127.0.0.1:1",
            **more,
        }
        settings = ToolchainSettings(
            cache=self.folder / "cachê",
            environment=environment,
            given={"go": self.bin / "go"},
            platform=Platform(system="linux", machine="amd64"),
        )
        return Toolchain(settings, SystemProcesses(SystemClock()), Work(self.cancel, self.said.append))

    def mark(self, name: str) -> Path:
        (self.bin / name).touch()
        return self.bin / name

    @property
    def calls(self) -> list[list[str]]:
        lines = (self.bin / "calls").read_text().splitlines()
        return [line.split("|") for line in lines]

    @property
    def programs(self) -> Path:
        return self.folder / "cachê/programs"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


# Programs of the machine that runs the tests would be found first.
ABSENT = {"PATH": "/usr/bin:/bin"}


def test_a_program_is_installed_by_go_as_others_build_it(workshop: Workshop) -> None:
    program = workshop.toolchain(**ABSENT).obtain("helm")
    assert program.version == "4.1.4"
    assert program.why == "built with go 1.26.8"
    ((_, cgo, flags, toolchain, work, _, arguments),) = workshop.calls
    assert (cgo, flags, toolchain, work) == ("0", "-trimpath -buildvcs=false", "local", "off")
    linked = "-s -w -X helm.sh/helm/v4/internal/version.version=v4.1.4"
    assert arguments == f"install -v -ldflags {linked} helm.sh/helm/v4/cmd/helm@v4.1.4"


def test_k3d_is_built_from_our_module(workshop: Workshop) -> None:
    assert workshop.toolchain(**ABSENT).version("k3d") == "5.8.3"
    ((folder, *_, arguments),) = workshop.calls
    assert Path(folder).name == "k3d"
    assert "-X github.com/k3d-io/k3d/v5/version.Version=v5.8.3" in arguments
    assert arguments.endswith("github.com/k3d-io/k3d/v5")


def test_the_control_plane_is_built_once_and_called_by_four_names(workshop: Workshop) -> None:
    names = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    programs = workshop.toolchain(**ABSENT).fetch(names)
    assert [program.version for program in programs] == ["3.6.4", "1.34.4", "1.34.4", "1.34.4"]
    ((folder, *_, arguments),) = workshop.calls
    assert Path(folder).name == "controlplane"
    package = "k8s.io/component-base/version"
    for setting in (f"{package}.gitVersion=v1.34.4", f"{package}.gitMajor=1", f"{package}.gitMinor=34"):
        assert f"-X {setting}" in arguments
    assert {program.path.resolve() for program in programs} == {
        workshop.programs / "controlplane/1.34.4/linux-amd64/controlplane"
    }


def test_a_moved_cache_still_works(workshop: Workshop) -> None:
    workshop.toolchain(**ABSENT).obtain("etcd")
    shutil.move(workshop.programs, workshop.folder / "elsewhere")
    assert (workshop.folder / "elsewhere/etcd/3.6.4/linux-amd64/etcd").exists()


def test_a_failed_build_tells_go_s_last_lines_and_leaves_nothing(workshop: Workshop) -> None:
    mark = workshop.mark("fails")
    with pytest.raises(RefusedError, match="no source has it") as refused:
        workshop.toolchain(**ABSENT).obtain("helm")
    assert "example.org/module/package; module: no such host (log: " in refused.value.evidence[1]
    assert not (workshop.programs / "helm").exists()
    assert list((workshop.programs / ".work").iterdir()) == []
    mark.unlink()
    assert workshop.toolchain(**ABSENT).version("helm") == "4.1.4"


def test_a_cancelled_build_ends_go_and_leaves_nothing(workshop: Workshop) -> None:
    workshop.mark("hangs")

    def stop() -> None:
        while not (workshop.bin / "hanging").exists():
            workshop.cancel.sleep(0.02)
        workshop.cancel.cancel("Ctrl-C")

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(CancelledError, match="Ctrl-C"):
        workshop.toolchain(**ABSENT).obtain("helm")
    stopper.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int((workshop.bin / "hanging").read_text()), signal.SIGCONT)
    assert not (workshop.programs / "helm").exists()
    assert list((workshop.programs / ".work").iterdir()) == []


def test_a_killed_run_takes_its_build_with_it_and_the_next_one_builds(workshop: Workshop) -> None:
    mark, within = workshop.mark("hangs"), workshop.cancel.within(30, "the test")
    starter = os.fork()
    if starter == 0:
        try:
            workshop.toolchain(**ABSENT).obtain("helm")
        finally:
            os._exit(1)
    hanging = workshop.bin / "hanging"
    while not (hanging.exists() and hanging.read_text().strip()):
        within.sleep(0.02)
    builder = int(hanging.read_text())
    os.kill(starter, signal.SIGKILL)
    os.waitpid(starter, 0)
    try:
        while started_at(builder) is not None:
            within.sleep(0.02)
    finally:
        mark.unlink()
    assert workshop.toolchain(**ABSENT).version("helm") == "4.1.4"
    assert list((workshop.programs / ".work").iterdir()) == []


@pytest.mark.parametrize("home", ["", "/etc/passwd"], ids=["none", "no folder"])
def test_go_gets_folders_where_home_will_not_do(workshop: Workshop, home: str) -> None:
    workshop.toolchain(**ABSENT, HOME=home).obtain("helm")
    assert workshop.calls[0][5] == str(workshop.folder / "cachê/go")


def test_go_keeps_its_own_folders_otherwise(workshop: Workshop) -> None:
    workshop.toolchain(**ABSENT).obtain("helm")
    assert workshop.calls[0][5] == "unset"
