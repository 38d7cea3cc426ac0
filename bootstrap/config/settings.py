"""What a person sets once for all stacks: `$XDG_CONFIG_HOME/bootstrap/config.yaml`, environment, flags."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bootstrap.config.fields import Choice, Duration, Field, Section, Text, TextMap, Whole, seconds_in
from bootstrap.config.flags import SettingFlags
from bootstrap.config.layers import Layer, Source, Values, at_path, leaves, merge
from bootstrap.config.origins import shown_values
from bootstrap.config.stack_file import shown_path
from bootstrap.errors import InvalidError, Place, Problem, UsageError
from bootstrap.model.stack import DeclaredValue
from bootstrap.state.paths import settings_folder
from bootstrap.yamltext.positions import ValuePath, path_text, read_documents

FILE_NAME = "config.yaml"
_TOOL = "BOOTSTRAP_TOOL_"

SETTINGS = Section(
    fields={
        "jobs": Field(kind=Whole(least=1, most=64), says="Steps that run at once.", default=8),
        "timeout": Field(kind=Duration(), says="How long a whole run may take.", default="30m"),
        "progress": Field(
            kind=Choice(words=("auto", "live", "plain", "json", "quiet")), says="How progress is shown.", default="auto"
        ),
        "mirror": Field(kind=Text(), says="Address asked instead of the official ones when programs are downloaded."),
        "tools": Field(kind=TextMap(), says="Program name: the path of the one to use."),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What holds for every stack, defaults filled in."""

    jobs: int
    timeout: timedelta
    progress: str
    mirror: str | None
    tools: Mapping[str, Path]
    """Absolute, by the program's name."""
    values: tuple[DeclaredValue, ...]
    """Each setting with what gave it."""


def load_settings(flags: SettingFlags, *, cwd: Path, environment: Mapping[str, str]) -> Settings:
    """The settings: flags go over `BOOTSTRAP_JOBS` and the like, those over the file, that over defaults.

    Raises:
        UsageError: a `--tool` is not of the form NAME=PATH.
        InvalidError: every problem of the file, the environment and the flags at once.
    """
    problems: list[Problem] = []
    layers = [*_file(settings_folder(environment) / FILE_NAME, cwd), *_environment(environment, cwd)]
    values = merge(SETTINGS, [*layers, *_flags(flags, cwd)], problems)
    if problems:
        raise InvalidError(problems)
    return _settings(values)


def _settings(values: Values) -> Settings:
    def at(name: str) -> Any:  # noqa: ANN401 -- the table has checked the type
        return values[name,].value

    return Settings(
        jobs=at("jobs"),
        timeout=timedelta(seconds=seconds_in(at("timeout")) or 0),
        progress=at("progress"),
        mirror=at("mirror") if ("mirror",) in values else None,
        tools={str(path[1]): given.folder / given.value for path, given in values.items() if path[0] == "tools"},
        values=shown_values(SETTINGS, values),
    )


def _file(path: Path, cwd: Path) -> Iterator[Layer]:
    if not path.is_file():
        return
    for document in read_documents(path, shown=shown_path(path, cwd)):
        if not isinstance(document.value, dict):
            raise InvalidError([document.problem((), "is not a settings file: write keys such as jobs: 4")])
        yield Layer(
            source=Source.FILE,
            value=document.value,
            place=document.place,
            folder=path.parent,
            written=document.written,
        )


def _environment(environment: Mapping[str, str], cwd: Path) -> Iterator[Layer]:
    for (key, *_rest), field in leaves(SETTINGS):
        name = f"BOOTSTRAP_{str(key).upper()}"
        if environment.get(name) and not isinstance(field.kind, TextMap):
            yield at_path((key,), environment[name], name, Source.ENVIRONMENT, table=SETTINGS, folder=cwd)
    for name in sorted(environment):
        if name.startswith(_TOOL) and environment[name]:
            # BOOTSTRAP_TOOL_KUBE_APISERVER is kube-apiserver.
            tool = name.removeprefix(_TOOL).lower().replace("_", "-")
            yield at_path(("tools", tool), environment[name], name, Source.ENVIRONMENT, table=SETTINGS, folder=cwd)


def _flags(flags: SettingFlags, cwd: Path) -> Iterator[Layer]:
    for key in ("jobs", "timeout", "progress"):
        value = getattr(flags, key)
        if value is not None:
            yield _flag_layer(f"--{key}", {key: value}, cwd)
    for text in flags.tools:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--tool {text}: is not name=path", fix="write --tool helm=/usr/local/bin/helm")
        yield _flag_layer("--tool", {"tools": {name: path}}, cwd)


def _flag_layer(name: str, value: Mapping[str, Any], cwd: Path) -> Layer:
    def place(path: ValuePath) -> Place:
        return Place(file=name, path=path_text(path))

    return Layer(source=Source.FLAG, value=value, place=place, folder=cwd)
