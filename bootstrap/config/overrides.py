"""The overrides of the command line and the environment, as layers over the stack file."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bootstrap.config.flags import Overrides
from bootstrap.config.layers import Layer, Source, assignment, at_path
from bootstrap.config.schema import STACK
from bootstrap.errors import InvalidError, Place, Problem, UsageError
from bootstrap.yamltext.positions import ValuePath, path_text

_SET = "BOOTSTRAP_SET_"
_CHART_MIRROR = "BOOTSTRAP_CHART_MIRROR"


def repository_layer(overrides: Overrides, cwd: Path) -> Layer:
    """`--repo` and `--root` as the values of a stack file."""
    entry = (cwd / (overrides.repo or ".")).resolve()
    if not entry.is_dir():
        raise UsageError(f"--repo {overrides.repo}: is not a folder")
    root = work_tree(entry) if overrides.root is None else (cwd / overrides.root).resolve()
    if not entry.is_relative_to(root):
        raise UsageError(f"--repo {overrides.repo}: is not inside --root {overrides.root}")
    source = {"root": str(root), "path": entry.relative_to(root).as_posix()}
    return Layer(source=Source.FLAG, value={"source": source}, place=_place_of("--repo"), folder=cwd)


def work_tree(entry: Path) -> Path:
    """The Git work tree around a folder; the folder itself if there is none."""
    return next((folder for folder in (entry, *entry.parents) if (folder / ".git").exists()), entry)


def environment_layers(environment: Mapping[str, str], cwd: Path) -> Iterator[Layer]:
    """One layer for each variable that speaks of the stack."""
    if environment.get(_CHART_MIRROR):
        yield _chart_mirrors(environment[_CHART_MIRROR], cwd)
    for name in sorted(environment):
        if name.startswith(_SET):
            path = tuple(name.removeprefix(_SET).split("__"))
            yield at_path(path, environment[name], name, Source.ENVIRONMENT, table=STACK, folder=cwd)


def _chart_mirrors(text: str, cwd: Path) -> Layer:
    """`PREFIX=INSTEAD`, several with spaces between."""
    pairs = [pair.partition("=") for pair in text.split()]
    if not all(instead for _prefix, _equals, instead in pairs):
        place = Place(file=_CHART_MIRROR)
        raise InvalidError([Problem(place=place, text=f'"{text}" is not PREFIX=INSTEAD (several: spaces between)')])
    mirrors = {prefix: instead for prefix, _equals, instead in pairs}
    return Layer(source=Source.ENVIRONMENT, value={"mirrors": mirrors}, place=_place_of(_CHART_MIRROR), folder=cwd)


def flag_layers(overrides: Overrides, cwd: Path) -> Iterator[Layer]:
    """One layer for each flag, in the order in which they go over each other."""
    if overrides.provider is not None:
        given = {"cluster": {"provider": overrides.provider}}
        yield Layer(source=Source.FLAG, value=given, place=_place_of("--provider"), folder=cwd)
    for text in overrides.sets:
        yield assignment(text, "--set", STACK, cwd)
    for text in overrides.variables:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--var {text}: is not name=value", fix="write --var cluster_name=dev")
        yield Layer(source=Source.FLAG, value={"variables": {name: value}}, place=_place_of("--var"), folder=cwd)


def _place_of(name: str) -> Callable[[ValuePath], Place]:
    return lambda path: Place(file=name, path=path_text(path) or None)
