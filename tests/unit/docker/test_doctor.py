import gc
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from docker.errors import DockerException

from bootstrap.docker.doctor import EngineInfo, ask_engine, docker_probe
from bootstrap.model.check import Check, Level

WELL = EngineInfo(
    version="28.2.2", api=(1, 50), memory=8 << 30, cgroup=2, root=Path("/nowhere/docker"), system="Debian GNU/Linux 12"
)


def looked(
    answer: EngineInfo | Exception, environment: Mapping[str, str] | None = None, proc: Path = Path("/nowhere")
) -> dict[str, Check]:
    def ask(_environment: Mapping[str, str]) -> EngineInfo:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return {check.subject: check for check in docker_probe(environment or {}, ask=ask, proc=proc, there=True)()}


def wrapped(inner: Exception) -> Exception:
    """As docker's library gives what the system raised: as an argument of its cause's argument."""
    error = OSError("Error while fetching server API version")
    error.__cause__ = OSError(RuntimeError("Connection aborted.", inner))
    return error


@pytest.fixture(autouse=True)
def _no_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no docker"))


def test_a_healthy_engine_has_nothing_to_mend() -> None:
    checks = looked(WELL)
    assert {check.level for check in checks.values()} == {Level.FINE}
    assert checks["docker"].text == "28.2.2 on Debian GNU/Linux 12"


def test_without_docker_there_is_a_note_because_kwok_needs_none() -> None:
    (check,) = docker_probe({"PATH": "/nowhere"}, there=False)()
    assert check.level is Level.NOTE
    assert check.text == "not installed: stacks run on kwok, whose pods are simulated"


@pytest.mark.parametrize(
    ("error", "text", "fix"),
    [
        (wrapped(FileNotFoundError(2, "No such file")), "installed, but the engine is not running", "systemctl start"),
        (
            wrapped(ConnectionRefusedError(111, "refused")),
            "installed, but the engine is not running",
            "systemctl start",
        ),
        (
            wrapped(PermissionError(13, "Permission denied")),
            "you are not allowed to open its socket",
            "usermod -aG docker",
        ),
        (OSError("write /tmp/x: no space left on device"), "its disk is full", "docker system df"),
        (OSError("client version 1.52 is too new, this daemon is too old"), "it is too old", "install Docker 20.10"),
        (OSError("something else"), "it does not answer", "docker version"),
    ],
)
def test_what_keeps_it_from_answering_is_told_apart(error: Exception, text: str, fix: str) -> None:
    check = looked(error)["docker"]
    assert check.level is Level.FINDING
    assert check.text.startswith(f"{text}: ")
    assert fix in (check.fix or "")


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_a_variable_that_leads_nowhere_is_named(name: str) -> None:
    check = looked(wrapped(ConnectionRefusedError(111, "refused")), {name: "colima"})["docker"]
    assert check.text.startswith(f"{name}=colima points to an engine that does not answer")
    assert check.fix == f"correct it, or: unset {name}"


def test_a_current_context_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"currentContext": "colima"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    check = looked(wrapped(FileNotFoundError(2, "No such file")))["docker"]
    assert check.text.startswith("the docker context colima points to an engine that does not answer")
    assert check.fix == "start it, or: docker context use default"


def test_a_context_that_is_not_there_is_told() -> None:
    (check,) = docker_probe({"DOCKER_CONTEXT": "no-such"}, there=True)()
    assert check.text == "the docker context does not exist: context 'no-such' not found"
    assert "docker context use default" in (check.fix or "")


def test_an_old_engine_is_a_finding() -> None:
    check = looked(replace(WELL, version="19.03.5", api=(1, 40)))["docker"]
    assert (check.level, check.text) == (Level.FINDING, "19.03.5 is too old")


def test_too_little_memory_is_a_finding() -> None:
    check = looked(replace(WELL, memory=1 << 30))["docker memory"]
    assert (check.level, check.text) == (Level.FINDING, "the engine has 1.0 GiB of memory; a cluster needs 2.0 GiB")


def test_old_control_groups_are_a_note() -> None:
    check = looked(replace(WELL, cgroup=1))["docker cgroup"]
    assert check.level is Level.NOTE
    assert "Kubernetes 1.35 and later refuse" in check.text


def test_a_full_disk_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1 << 30})())
    check = looked(replace(WELL, root=tmp_path))["docker disk"]
    assert (check.level, check.text) == (Level.FINDING, f"1.0 GiB free in {tmp_path}; a cluster needs 5.0 GiB")


def test_few_inotify_instances_are_a_note(tmp_path: Path) -> None:
    folder = tmp_path / "sys/fs/inotify"
    folder.mkdir(parents=True)
    (folder / "max_user_instances").write_text("128\n")
    (folder / "max_user_watches").write_text("524288\n")
    checks = looked(replace(WELL, root=tmp_path), proc=tmp_path)
    assert checks["docker inotify max_user_instances"].fix == "sudo sysctl fs.inotify.max_user_instances=512"
    assert "docker inotify max_user_watches" not in checks


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer: dict[str, object] = {"ApiVersion": "1.45", "Version": "26.0.0", "MinAPIVersion": "1.24"}
        if self.path.endswith("/info"):
            answer = {
                "MemTotal": 4 << 30,
                "CgroupVersion": "2",
                "DockerRootDir": "/d",
                "OperatingSystem": "Docker Desktop",
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has above
        """Say nothing."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A socket that answers as an engine does."""
    socket = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(socket), _Answers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield socket
        server.shutdown()


def test_an_engine_is_asked_over_its_socket(engine: Path) -> None:
    assert ask_engine({"DOCKER_HOST": f"unix://{engine}"}) == EngineInfo(
        version="26.0.0", api=(1, 45), memory=4 << 30, cgroup=2, root=Path("/d"), system="Docker Desktop"
    )


# The library does not close the socket that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_socket_without_an_engine_is_told_of_with_the_variable_that_names_it(tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/none.sock"
    (check,) = docker_probe({"DOCKER_HOST": host})()
    gc.collect()
    assert check.text.startswith(f"DOCKER_HOST={host} points to an engine that does not answer: ")


@pytest.mark.parametrize(
    ("cgroup", "level", "text"), [(1, Level.FINDING, "no cluster starts"), (2, Level.NOTE, "1024")]
)
def test_a_rootless_engine_is_told_apart(cgroup: int, level: Level, text: str) -> None:
    check = looked(replace(WELL, rootless=True, cgroup=cgroup))["docker rootless"]
    assert check.level is level
    assert text in check.text
    assert "docker rootless" not in looked(WELL)


def test_an_engine_by_ssh_is_told_apart() -> None:
    error = DockerException("Install paramiko package to enable ssh:// support")
    check = looked(error, {"DOCKER_HOST": "ssh://build.example.com"})["docker"]
    assert "DOCKER_HOST=ssh://build.example.com connects over ssh to the engine of another machine" in check.text
    assert check.fix == "run bootstrap on that machine, or use the local engine: unset DOCKER_HOST"
