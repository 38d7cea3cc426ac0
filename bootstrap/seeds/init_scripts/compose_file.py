"""The emulator's service of a docker-compose file: its init scripts, what is mounted beside them, its environment."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.seeds.init_scripts.scripts import SUFFIXES, Script, scripts_of, single_script
from bootstrap.yamltext.positions import Document, read_documents

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_IMAGES = re.compile(r"(?:^|/)(?:localstack[\w-]*|ministack|moto(?:server)?|floci)(?=[:@/]|$)")
_FOLDERS = ("/etc/localstack/init/ready.d", "/docker-entrypoint-initaws.d")
_PARENT = "/etc/localstack/init"
# What is the emulator's own, and no data for scripts.
_NOT_DATA = (
    "/var/run",
    "/run",
    "/var/lib/localstack",
    "/tmp/localstack",  # noqa: S108 - a path of a container
    "/etc/localstack",
    "/docker-entrypoint-initaws.d",
)
_VARIABLE = re.compile(r"\$\$|\$(?:\{(?P<braced>\w+)(?::?(?P<kind>[-?+])(?P<rest>[^}]*))?\}|(?P<plain>\w+))")
# What would lead a script elsewhere, or change the programs that it starts.
_NEVER = re.compile(
    r"(?:PATH|HOME|TMPDIR|BASH_ENV|ENV|LD_\w+|DYLD_\w+|PYTHON\w*|DOCKER_\w+|AWS_ENDPOINT_URL\w*|\w*_PROXY|\w*_proxy)$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptSource:
    """Init scripts and what a container gives them."""

    scripts: tuple[Script, ...]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorService:
    """The service of a compose file that is an AWS emulator."""

    name: str
    image: str
    line: int
    region: str | None
    scripts: tuple[Path, ...]
    """The init scripts that it mounts."""


def emulator_service(file: Path, environment: Mapping[str, str]) -> EmulatorService | None:
    """The first service that is an AWS emulator, with or without init scripts; None: there is none.

    Raises:
        InvalidError: the file is not YAML.
    """
    interpolated = {**_env_file(file.parent / ".env"), **environment}
    for document, name, service in _services(file, interpolated):
        if _is_emulator(service):
            mounts = _mounts(service, file.parent)
            scripts = [script.file for target, path in mounts for script in _scripts(target, path)]
            return EmulatorService(
                name=name,
                image=str(service.get("image", "")),
                line=document.place(("services", name)).line or 1,
                region=_region(_variables(service, file.parent, interpolated)),
                scripts=tuple(dict.fromkeys(scripts)),
            )
    return None


def read_compose(file: Path, environment: Mapping[str, str]) -> ScriptSource:
    """The emulator's service; values in `${…}` come from `environment` and the `.env` beside the file.

    Raises:
        InvalidError: it has no service that is an emulator, or that service has no init scripts.
    """
    interpolated = {**_env_file(file.parent / ".env"), **environment}
    services = _services(file, interpolated)
    emulators = [service for service in services if _is_emulator(service[2])]
    if not emulators:
        text = (
            f"none of its services is an AWS emulator ({', '.join(name for _, name, _ in services) or 'it has none'})"
        )
        raise InvalidError([Problem(place=Place(file=str(file)), text=text)])
    document, name, service = emulators[0]
    mounts = dict(_mounts(service, file.parent))
    scripts = tuple(dict.fromkeys(script for target, path in mounts.items() for script in _scripts(target, path)))
    if not scripts:
        fix = "name the scripts, or a folder of them: bootstrap seed import FOLDER"
        raise InvalidError([_without_scripts(document, name, mounts)], fix=fix)
    variables = _variables(service, file.parent, interpolated)
    return ScriptSource(
        scripts=tuple(sorted(scripts, key=lambda script: script.id.name)),
        mounts={target: path for target, path in mounts.items() if not target.startswith(_NOT_DATA)},
        variables={name: value for name, value in variables.items() if not _NEVER.match(name)},
        region=_region(variables),
    )


def _services(file: Path, interpolated: Mapping[str, str]) -> list[tuple[Document, str, Mapping[str, Any]]]:
    """Document, name and text of each service, its variables filled in."""
    return [
        (document, name, _filled(service, interpolated))
        for document in read_documents(file)
        if isinstance(document.value, dict)
        for name, service in (document.value.get("services") or {}).items()
        if isinstance(service, dict)
    ]


def _region(variables: Mapping[str, str]) -> str | None:
    return variables.get("AWS_DEFAULT_REGION") or variables.get("AWS_REGION") or variables.get("DEFAULT_REGION")


def _without_scripts(document: Document, name: str, mounts: Mapping[str, Path]) -> Problem:
    missing = [f"{path} is not there" for target, path in mounts.items() if _is_init(target) and not path.exists()]
    text = "; ".join(missing) or f"it mounts no init scripts at {_FOLDERS[0]}"
    return document.problem(("services", name), text)


def _is_emulator(service: Mapping[str, Any]) -> bool:
    return bool(_IMAGES.search(str(service.get("image", "")))) or any(
        _is_init(target) for target, _ in _volumes(service)
    )


def _is_init(target: str) -> bool:
    return target == _PARENT or any(target == folder or target.startswith(folder + "/") for folder in _FOLDERS)


def _scripts(target: str, path: Path) -> list[Script]:
    if target == _PARENT:
        return scripts_of(path / "ready.d")
    if target in _FOLDERS:
        return scripts_of(path)
    if not _is_init(target):
        return []
    return [single_script(path)] if path.is_file() and path.suffix in SUFFIXES else scripts_of(path)


def _mounts(service: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    for target, source in _volumes(service):
        if source.startswith((".", "/", "~")):
            yield target, (folder / Path(source).expanduser()).resolve()


def _volumes(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path in the container, path or name outside) of each."""
    for volume in service.get("volumes") or ():
        if isinstance(volume, dict):
            yield str(volume.get("target", "")).rstrip("/"), str(volume.get("source", ""))
        elif ":" in str(volume):
            source, target, *_ = str(volume).split(":")
            yield target.rstrip("/"), source


def _variables(service: Mapping[str, Any], folder: Path, known_variables: Mapping[str, str]) -> dict[str, str]:
    files = service.get("env_file") or ()
    names = (
        [files]
        if isinstance(files, str)
        else [file.get("path", "") if isinstance(file, dict) else file for file in files]
    )
    variables: dict[str, str] = {}
    for name in names:
        variables |= _env_file(folder / str(name))
    given = service.get("environment") or {}
    pairs = given.items() if isinstance(given, dict) else (str(pair).partition("=")[::2] for pair in given)
    for name, value in pairs:
        text = known_variables.get(str(name), "") if value in (None, "") else str(value)
        variables[str(name)] = {"True": "true", "False": "false"}.get(text, text) if isinstance(value, bool) else text
    return variables


def _env_file(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    lines = [line.strip() for line in file.read_text(errors="replace").splitlines()]
    pairs = [line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#")]
    return {name.removeprefix("export ").strip(): value.strip().strip("\"'") for name, value in pairs}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    match value:
        case str():
            return _VARIABLE.sub(lambda match: _value(match, variables), value)
        case dict():
            return {key: _filled(inner, variables) for key, inner in value.items()}
        case list():
            return [_filled(inner, variables) for inner in value]
        case _:
            return value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match[0] == "$$":
        return "$"
    value = variables.get(match["braced"] or match["plain"], "")
    if match["kind"] == "-":
        return value or match["rest"]
    return (match["rest"] if value else "") if match["kind"] == "+" else value


def find_compose(folder: Path) -> Path | None:
    """The compose file that `docker compose` would take there."""
    return next((folder / name for name in NAMES if os.path.lexists(folder / name)), None)
