"""An option exists only where it does something: every verb with each of its options."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from bootstrap.cli.main import COMMANDS, bootstrap

if TYPE_CHECKING:
    from cli.conftest import Cli

ROOT = Path(__file__).parents[2] / "bootstrap"

DECLARED = {"stack", "reference", "instance", "repo", "root", "sets", "provider", "variables"}
CHARTS = {"tools", "locked", "timeout"}
RUN = {"jobs", "timeout", "progress", "verbose", "quiet", "no_color", "events", "junit"}
LOOK = {"output", "quiet"}
SHARED = {*DECLARED, *CHARTS, *RUN, *LOOK} - {"only"}
"""What several verbs have; an option of one verb alone is seen by the tests below."""
SEEDS = {"paths", "stack", "instance", "endpoint", "services", "only", *LOOK}

OPTIONS: dict[str, set[str]] = {
    "up": {
        *DECLARED,
        *RUN,
        "tools",
        "locked",
        "only",
        "skip",
        "fail_fast",
        "prune",
        "prune_all",
        "allow_replace",
        "strict",
        "adopt",
    }
    | {"ports", "ttl", "preload", "dry_run"},
    "plan": {*DECLARED, *CHARTS, *LOOK, "verbose", "only", "skip", "prune", "prune_all", "allow_replace", "strict"}
    | {"fail_on_changes", "teardown"},
    "status": {*DECLARED, *CHARTS, *LOOK, "all_stacks", "watch", "wait"},
    "down": {*DECLARED, *RUN, "tools", "output", "keep_data", "whole_project", "dry_run"},
    "gc": {*LOOK, "dry_run"},
    "repair": {*DECLARED, *RUN, "tools", "locked"},
    "resume": {*DECLARED, *RUN, "tools", "locked"},
    "pause": {"reference", "stack", "instance", "repo", "root", "quiet"},
    "load": {"stack", "instance", "repo", "root", "images", "quiet"},
    "run": {"stack", "instance", "repo", "root", "words", "quiet"},
    "env": {*DECLARED, *LOOK, "tools"},
    "kubeconfig": {*DECLARED, "quiet", "merge"},
    "logs": {*DECLARED, *LOOK, "name", "lines", "list_only"},
    "render": {*DECLARED, *CHARTS, *LOOK, "release", "flux"},
    "images": {*DECLARED, *CHARTS, *LOOK},
    "diff": {*DECLARED, *CHARTS, *LOOK, "fail_on_changes"},
    "lint": {*DECLARED, *CHARTS, *LOOK, "strict", "slow"},
    "lock": {*DECLARED, "tools", "timeout", "quiet", "upgrade"},
    "graph": {*DECLARED, *CHARTS, *LOOK},
    "config": {*DECLARED, "tools", "output", "show_origin", "schema"},
    "doctor": {"output", "tools"},
    "completion": {"shell"},
    "version": set(),
    "tools list": {"output", "tools"},
    "tools fetch": {"names", "quiet"},
    "seed plan": {*SEEDS, "variables", "adopt", "fail_on_changes"},
    "seed apply": {*SEEDS, "variables", "adopt", "allow_replace", "dry_run"},
    "seed refresh": {*SEEDS, "variables", "adopt", "allow_replace", "dry_run", "rotate"},
    "seed reset": {*SEEDS, "variables", "dry_run"},
    "seed prune": {*SEEDS, "variables", "dry_run"},
    "seed export": {*SEEDS, "force"},
}
"""What each verb takes, by the names of its parameters."""


def verbs() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(bootstrap)
    for name in COMMANDS:
        command = bootstrap.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {verb}", each) for verb, each in command.commands.items())
        else:
            yield name, command


@pytest.mark.parametrize(("verb", "command"), list(verbs()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_verb_takes_those_shared_options_that_do_something_and_no_other(verb: str, command: click.Command) -> None:
    names = {str(parameter.name) for parameter in command.params}
    assert names & SHARED == OPTIONS.get(verb, names) & SHARED
    assert OPTIONS.get(verb, set()) <= names


@pytest.mark.parametrize(("verb", "command"), list(verbs()), ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_that_a_verb_is_given_is_dropped(verb: str, command: click.Command) -> None:
    """Every parameter of the function is read in its body, and none is thrown away."""
    function = inspect.unwrap(command.callback or command)
    source = inspect.getsource(function)
    body = source[source.index(") -> int:") :]
    unread = [name for name in inspect.signature(function).parameters if not re.search(rf"\b{name}\b", body)]
    assert (unread, re.findall(r"\bdel (\w+)", body)) == ([], []), verb


def test_every_field_that_options_become_is_read_somewhere() -> None:
    text = "\n".join(file.read_text() for file in ROOT.rglob("*.py"))
    from bootstrap.cli.options import ReportOptions, StackOptions  # noqa: PLC0415 - beside what they are for
    from bootstrap.config.flags import Overrides, SettingFlags  # noqa: PLC0415

    for options in (StackOptions, ReportOptions, Overrides, SettingFlags):
        for name in options.__dataclass_fields__:
            dynamic = options is SettingFlags and f'"{name}"' in text
            assert dynamic or re.search(rf"\.{name}\b", text), f"{options.__name__}.{name}"


BROKEN = "cluster: {provider: kwok}\nemulator: false\nvariables: {a: one}"

EFFECTS: dict[str, tuple[tuple[str, ...], str]] = {
    "sets": (("--set", "cluster.workers=many"), "cluster.workers"),
    "provider": (("--provider", "nonsense"), "nonsense"),
    "variables": (("--var", "oops"), "--var oops"),
    "root": (("--root", "x"), "--root"),
    "repo": (("--repo", "nowhere"), "--repo nowhere"),
    "instance": (("--name", "Pr"), "--name pr"),
    "tools": (("--tool", "oops"), "--tool oops"),
    "timeout": (("--timeout", "soon"), "--timeout"),
    "jobs": (("--jobs", "0"), "--jobs"),
}
"""A wrong value of an option that several verbs share, and what the refusal names."""


def shared() -> Iterator[tuple[str, str]]:
    for verb, names in OPTIONS.items():
        for name in sorted(names & EFFECTS.keys()):
            if not (verb.startswith("seed") and name == "variables"):
                yield verb, name


@pytest.mark.parametrize(("verb", "name"), list(shared()))
def test_a_wrong_value_of_a_shared_option_is_refused_by_every_verb_that_has_it(
    cli: "Cli", verb: str, name: str
) -> None:
    cli.stack(BROKEN)
    words, named = EFFECTS[name]
    more = {"load": ("web:1",), "run": ("--", "true"), "completion": ("bash",)}.get(verb, ())
    ended = cli(*verb.split(), *words, *more)
    assert ended.code in {2, 3}, ended.err
    assert named in ended.err


@pytest.mark.parametrize("verb", [verb for verb, names in OPTIONS.items() if "output" in names])
def test_output_has_a_short_form_everywhere(cli: "Cli", verb: str) -> None:
    assert re.search(r"-o, --output ", cli(*verb.split(), "--help").out)


@pytest.mark.parametrize("verb", sorted(set(OPTIONS)))
def test_help_of_every_verb_fits_a_screen(cli: "Cli", verb: str) -> None:
    assert len(cli(*verb.split(), "--help").out.splitlines()) <= 50


@pytest.mark.parametrize(
    "words",
    [("run", "--", "true"), ("load", "web:1"), ("pause",), ("env",)],
    ids=lambda words: words[0],
)
def test_repo_chooses_the_stack_that_up_made_of_it(
    words: tuple[str, ...], cli: "Cli", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is the repository's, so that no stack file is looked for, and the fix names the repository."""
    monkeypatch.setenv("BOOTSTRAP_SET_cluster__provider", "kind")  # load and pause are refused at once on kwok
    entry = cli.folder / "here" / "clusters" / "dev"
    entry.mkdir(parents=True)
    (cli.folder / "here" / ".git").mkdir()
    verb, *rest = words
    ended = cli(verb, "--repo", str(entry), *rest)
    # `load` asks the engine first where none answers.
    assert "here" in ended.err or "no Docker engine answers" in ended.err
    assert ended.code == 4
    assert "there is no stack" not in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--offline", "--no-preload"), "with --no-preload nodes pull images, with --offline they cannot"),
        (("--offline", "--dry-run"), "--dry-run uses no bundle, and fetches the programs that it needs"),
        (("--bundle", "b.tar.zst", "--dry-run"), "--dry-run uses no bundle, and fetches the programs that it needs"),
    ],
)
def test_what_excludes_offline_is_a_usage_error(cli: "Cli", options: tuple[str, ...], message: str) -> None:
    cli.stack()
    ended = cli("up", *options)
    assert (ended.code, message in ended.err) == (2, True)


def test_bundle_show_prints_what_is_in_it(cli: "Cli") -> None:
    from bootstrap.model.bundle import BundleHead, BundleItem, ItemKind  # noqa: PLC0415 - of this test alone
    from bootstrap.state.bundle_file import write_bundle  # noqa: PLC0415
    from bootstrap.system.clock import CancelToken, SystemClock  # noqa: PLC0415

    items = (BundleItem(kind=ItemKind.PROGRAM, name="helm", version="4.1.4", digest="sha256:1"),)
    head = BundleHead(stack="dev", provider="kind", platform="linux/amd64", items=items)
    (cli.folder / "content").mkdir()
    write_bundle(cli.folder / "b.tar.zst", cli.folder / "content", head, CancelToken(SystemClock()))
    assert cli("bundle", "show", "b.tar.zst").out == "stack dev on kind, linux/amd64\nprogram helm 4.1.4 sha256:1\n"
    assert json.loads(cli("bundle", "show", "b.tar.zst", "-o", "json").out)["items"][0]["name"] == "helm"
    assert cli("bundle", "show", "none.tar.zst").code == 4
