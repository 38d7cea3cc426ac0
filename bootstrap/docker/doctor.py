"""Examines the Docker engine: each problem that keeps it from being used, with its own fix."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bootstrap.docker.engine import connect, is_pointed_at, named_elsewhere
from bootstrap.model.check import Check, Level, Probe

_GIB = 1024**3
_SUBJECT = "docker"
_ROOTLESS = "docker rootless"
_OLDEST_API = (1, 41)
_OLDEST_NAME = "20.10"
_MEMORY = 2 * _GIB
"""A cluster of one node holds 0.7 GiB; the charts, and the emulator beside it, need the rest."""
_DISK = 5 * _GIB
"""A node's image unpacked, and the images of a few charts twice: on the engine and in the node."""
_INOTIFY = {"max_user_instances": 512, "max_user_watches": 524288}
"""What kind's own documentation asks for."""
_CGROUPS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """What an engine reports of itself."""

    version: str
    api: tuple[int, int]
    memory: int
    """Bytes; of the virtual machine if it runs in one."""
    cgroup: int
    """1 or 2; 0: it does not say."""
    root: Path
    """Where it keeps images and containers, as it sees it."""
    system: str
    rootless: bool = False
    """Whether it runs as a user who is not root."""


Ask: TypeAlias = Callable[[Mapping[str, str]], EngineInfo]
"""Asks the engine that the environment names; raises what the library raises."""


def docker_probe(
    environment: Mapping[str, str], *, ask: Ask | None = None, proc: Path = Path("/proc"), there: bool | None = None
) -> Probe:
    """The probe of this room; add it to the list.

    `there` is whether anything names an engine; None: look.
    """

    def probe() -> Sequence[Check]:
        named = is_pointed_at(environment) if there is None else there
        if not named and shutil.which("docker", path=environment.get("PATH", "")) is None:
            text = "not installed: stacks run on kwok, whose pods are simulated"
            return (Check(subject=_SUBJECT, level=Level.NOTE, text=text, fix="install Docker for real clusters"),)
        try:
            answer = (ask or ask_engine)(environment)
        except Exception as error:  # noqa: BLE001 - the libraries below raise anything, and all of it is reported
            return (_failed(error, environment),)
        return tuple(_examined(answer, proc))

    return probe


def ask_engine(environment: Mapping[str, str]) -> EngineInfo:
    """Ask the engine itself."""
    client = connect(environment)
    try:
        version, about = client.version(), client.info()
    finally:
        client.close()
    major, _, minor = str(version.get("ApiVersion", "0.0")).partition(".")
    return EngineInfo(
        version=str(version.get("Version", "?")),
        api=(int(major), int(minor)),
        memory=int(about.get("MemTotal") or 0),
        cgroup=int(about.get("CgroupVersion") or 0),
        root=Path(str(about.get("DockerRootDir") or "/var/lib/docker")),
        system=str(about.get("OperatingSystem") or ""),
        rootless=any("rootless" in str(option) for option in about.get("SecurityOptions") or ()),
    )


def _failed(error: BaseException, environment: Mapping[str, str]) -> Check:
    said = str(error).partition("\n")[0]
    wrong, fix = _diagnosed(frozenset(type(cause) for cause in _causes(error)), said, named_elsewhere(environment))
    return _finding(f"{wrong}: {said}", fix)


def _diagnosed(kinds: frozenset[type[BaseException]], said: str, elsewhere: tuple[str, str] | None) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    rows = (
        (_NO_CONTEXT in {kind.__name__ for kind in kinds}, "the docker context does not exist", _OTHER_CONTEXT),
        (PermissionError in kinds, "you are not allowed to open its socket", _JOIN),
        ("no space left" in said.lower(), "its disk is full", _FREE_DISK),
        ("version" in said and "too old" in said, "it is too old", f"install Docker {_OLDEST_NAME} or newer"),
        (elsewhere is not None, *(elsewhere or ("", ""))),
        (bool(kinds & _NOBODY), "installed, but the engine is not running", _START),
    )
    return next(((wrong, fix) for holds, wrong, fix in rows if holds), ("it does not answer", "see: docker version"))


_NO_CONTEXT = "ContextNotFound"  # docker's own; the library loads slowly
_NOBODY = {FileNotFoundError, ConnectionRefusedError}
_OTHER_CONTEXT = "choose one that exists: docker context ls, docker context use default"
_JOIN = "join its group: sudo usermod -aG docker $USER, then log in again; or use rootless Docker"
_START = "start it: sudo systemctl start docker, or open Docker Desktop, or colima start"
_FREE_DISK = "free space: docker system df shows what uses it; docker image prune removes unused images"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all it was made of: libraries put theirs around the system's, as cause or argument."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner: list[Any] = [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
        waiting += [inner_error for inner_error in inner if isinstance(inner_error, BaseException)]


def _examined(answer: EngineInfo, proc: Path) -> Iterator[Check]:
    if answer.api < _OLDEST_API:
        yield _finding(f"{answer.version} is too old", f"install Docker {_OLDEST_NAME} or newer")
    else:
        yield _fine(_SUBJECT, f"{answer.version} on {answer.system}")
    if answer.memory < _MEMORY:
        text = f"the engine has {_gib(answer.memory)} of memory; a cluster needs {_gib(_MEMORY)}"
        yield _finding(text, "give it more: in Docker Desktop's settings, or colima start --memory 4", "docker memory")
    else:
        yield _fine("docker memory", _gib(answer.memory))
    yield from _disk(answer.root)
    if answer.cgroup and answer.cgroup < _CGROUPS:
        text = "control groups are version 1, which Kubernetes 1.35 and later refuse"
        fix = "for these versions, boot with systemd.unified_cgroup_hierarchy=1"
        yield Check(subject="docker cgroup", level=Level.NOTE, text=text, fix=fix)
    if answer.rootless:
        yield _of_rootless(answer)
    if answer.root.exists():
        yield from _inotify(proc)


def _of_rootless(engine: EngineInfo) -> Check:
    """What a cluster needs of an engine whose user is not root."""
    if engine.cgroup and engine.cgroup < _CGROUPS:
        text = "the engine is rootless, and no cluster starts on it without control groups version 2"
        return _finding(
            text, "boot with systemd.unified_cgroup_hierarchy=1, or use an engine that runs as root", _ROOTLESS
        )
    text = (
        "the engine is rootless: it cannot publish ports below 1024, and nodes need control groups that are delegated"
    )
    fix = "Delegate=cpu cpuset io memory pids in /etc/systemd/system/user@.service.d/delegate.conf, then log in again"
    return Check(subject=_ROOTLESS, level=Level.NOTE, text=text, fix=fix)


def _disk(root: Path) -> Iterator[Check]:
    """Of an engine on this very machine; what another has cannot be seen."""
    if not root.exists():
        return
    free = shutil.disk_usage(root).free
    text = f"{_gib(free)} free in {root}"
    if free >= _DISK:
        yield _fine("docker disk", text)
    else:
        yield _finding(f"{text}; a cluster needs {_gib(_DISK)}", _FREE_DISK, "docker disk")


def _inotify(proc: Path) -> Iterator[Check]:
    for name, least in _INOTIFY.items():
        file = proc / "sys/fs/inotify" / name
        if file.exists() and (value := int(file.read_text())) < least:
            text = f"{value}: several clusters, or one with many nodes, need {least}"
            fix = f"sudo sysctl fs.inotify.{name}={least}"
            yield Check(subject=f"docker inotify {name}", level=Level.NOTE, text=text, fix=fix)


def _fine(subject: str, text: str) -> Check:
    return Check(subject=subject, level=Level.FINE, text=text)


def _finding(text: str, fix: str, subject: str = _SUBJECT) -> Check:
    return Check(subject=subject, level=Level.FINDING, text=text, fix=fix)


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
