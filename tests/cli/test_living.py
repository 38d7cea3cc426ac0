"""Verbs that act on what is there: as it was brought up last, without its file and flags, from any folder."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap.cli.default_images import with_default_images
from bootstrap.config.differences import differences
from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.model.stack import Provider, Stack, StatePaths
from bootstrap.state.paths import state_folder, state_paths
from bootstrap.state.remembered_stack import RememberedStack, read_remembered, remember

if TYPE_CHECKING:
    from cli.conftest import Cli

KUBECONFIG = """\
{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a, cluster: {}}]}
"""
COMMAND = "bootstrap up dev --set cluster.workers=2"


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.docker.engine.is_pointed_at", lambda _environment: False)
    monkeypatch.setattr("bootstrap.docker.engine.engine_answers", lambda _environment: False)


def brought_up(cli: "Cli", *sets: str, name: str = "dev", variables: tuple[str, ...] = ()) -> StatePaths:
    """A stack that was brought up with these flags; nothing of it runs, but its kubeconfig is there."""
    cli.stack("cluster: {provider: kwok}\nemulator: false", name)
    overrides = Overrides(sets=sets, variables=variables)
    loaded = load_stack(name, overrides, cwd=cli.folder, environment={})
    state = state_paths(loaded.stack, os.environ)
    remember(loaded.stack, state, values=loaded.values, command=COMMAND)
    state.kubeconfig.write_text(KUBECONFIG)
    state.provider.write_text(Provider.KWOK)
    return state


def elsewhere(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the project for a folder without stacks."""
    folder = cli.folder.parent / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)


def test_what_is_declared_differently_now_is_one_line_and_the_verb_works(cli: "Cli") -> None:
    state = brought_up(cli, "cluster.workers=2", "emulator.region=eu-west-1")
    ended = cli("kubeconfig")
    assert (ended.code, ended.out) == (0, f"{state.kubeconfig}\n")
    assert ended.err == (
        "stack dev is declared differently now: cluster.workers: 2 (--set), now 0 (default); "
        "emulator: declared (--set), now false (stacks/dev.yaml:5)\n"
    )
    assert cli("kubeconfig", "--quiet").err == ""
    assert cli("kubeconfig", "--set", "cluster.workers=2", "--set", "emulator.region=eu-west-1").err == ""


@pytest.mark.parametrize("words", [("kubeconfig",), ("env",), ("logs", "--list"), ("run", "--", "true")])
def test_from_any_folder_by_its_name(cli: "Cli", monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    state = brought_up(cli)
    (state.folder / "logs").mkdir()
    elsewhere(cli, monkeypatch)
    monkeypatch.setattr("os.execvpe", lambda *_words: None)
    ended = cli(words[0], "--stack", "dev", *words[1:])
    assert (ended.code, ended.err) == (0, "")
    missed = cli(words[0], *words[1:])
    assert (missed.code, "--stack dev" in missed.err) == (2, True)
    assert cli(words[0], "--stack", "other", *words[1:]).code == 2


def test_what_is_declared_is_found_from_any_folder_too(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    brought_up(cli, name="shop")
    elsewhere(cli, monkeypatch)
    ended = cli("config", "--stack", "shop")
    assert (ended.code, ended.err) == (0, "")
    assert cli("config", "--stack", "other").code == 2
    assert cli("config", "shop").code == 2


def test_two_projects_with_a_stack_of_that_name_are_no_answer(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    state = brought_up(cli)
    other = StatePaths(folder=state_folder(os.environ) / "dev-0000000000")
    remembered = read_remembered(state)
    assert remembered is not None
    elsewhere(cli, monkeypatch)
    remember(load_stack_in(cli, "second"), other)
    ended = cli("kubeconfig", "--stack", "dev")
    assert ended.code == 2
    assert str(cli.folder) in ended.err
    monkeypatch.chdir(cli.folder)
    assert cli("kubeconfig", "--stack", "dev").out == f"{state.kubeconfig}\n"


def load_stack_in(cli: "Cli", project: str) -> Stack:
    import dataclasses  # noqa: PLC0415 - here alone

    loaded = load_stack("dev", Overrides(), cwd=cli.folder, environment={})
    return dataclasses.replace(loaded.stack, project=cli.folder.parent / project)


def test_its_file_may_be_gone_or_wrong(cli: "Cli") -> None:
    state = brought_up(cli)
    (cli.folder / "stacks" / "dev.yaml").write_text("apiVersion: [")
    assert cli("kubeconfig").out == f"{state.kubeconfig}\n"
    (cli.folder / "stacks" / "dev.yaml").unlink()
    assert cli("kubeconfig").out == f"{state.kubeconfig}\n"


def test_what_an_older_version_remembered_is_used_too(cli: "Cli") -> None:
    state = brought_up(cli, "cluster.workers=2")
    content = json.loads(state.remembered.read_text())
    for key in ("values", "command", "seeds", "source", "mirrors"):
        del content[key]
    state.remembered.write_text(json.dumps(content))
    ended = cli("kubeconfig")
    assert (ended.code, ended.err) == (0, "")


def test_a_fix_names_the_command_line_that_brought_it_up(cli: "Cli") -> None:
    state = brought_up(cli, "cluster.workers=2")
    state.kubeconfig.unlink()
    assert f"Fix:   run: {COMMAND}\n" in cli("env").err


def test_an_image_that_is_no_longer_declared_gives_way_to_the_default_one(cli: "Cli") -> None:
    cli.stack("cluster: {provider: kind}")
    overrides = Overrides(sets=("cluster.image=node:1", "emulator.image=mini:1"))
    loaded = load_stack("dev", overrides, cwd=cli.folder, environment={})
    before = RememberedStack(stack=loaded.stack, values=loaded.values)
    now = load_stack("dev", Overrides(), cwd=cli.folder, environment={})
    different = with_default_images(differences(before, now.stack, now.values), now.stack, Provider.KIND)
    assert [str(difference).partition(":1 ")[0] for difference in different] == [
        "cluster.image: node",
        "emulator.image: mini",
    ]
    assert ", now kindest/node:v1." in str(different[0])
    assert ", now ministackorg/ministack:" in str(different[1])
    assert all(str(difference).endswith(" (default)") and difference.for_lack_of_a_flag for difference in different)


def test_a_stack_may_be_named_once(cli: "Cli") -> None:
    brought_up(cli)
    assert cli("kubeconfig", "dev", "--stack", "dev").code == 2


def test_another_provider_than_it_lives_on_is_refused(cli: "Cli") -> None:
    brought_up(cli)
    ended = cli("kubeconfig", "--provider", "existing", "--set", "cluster.context=a")
    assert (ended.code, ended.out) == (4, "")
    assert "runs on kwok" in ended.err


@pytest.mark.parametrize("content", ["", "{", "[]", "{current-context: a}", KUBECONFIG.replace("clusters", "users")])
@pytest.mark.parametrize("words", [("run", "--", "true"), ("env",), ("kubeconfig",)])
def test_a_damaged_kubeconfig_leads_no_program_elsewhere(cli: "Cli", content: str, words: tuple[str, ...]) -> None:
    state = brought_up(cli)
    state.kubeconfig.write_text(content)
    ended = cli(*words)
    assert (ended.code, ended.out) == (4, "")
    assert "Fix:   write it again: bootstrap repair dev" in ended.err


@pytest.mark.parametrize("content", ["", "kind of"])
def test_a_damaged_provider_file_is_made_good_by_what_is_remembered(cli: "Cli", content: str) -> None:
    state = brought_up(cli)
    state.provider.write_text(content)
    assert cli("kubeconfig").out == f"{state.kubeconfig}\n"
    state.remembered.unlink()
    ended = cli("kubeconfig")
    assert ended.code == 4
    assert f"echo kind > '{state.provider}'" in ended.err


def test_secrets_of_variables_are_neither_shown_nor_pasted(cli: "Cli", capfd: pytest.CaptureFixture[str]) -> None:
    state = brought_up(cli, variables=("token=s3cret",))
    ended = cli("kubeconfig")
    assert "variables.token: set (--var), now not set" in ended.err
    assert "s3cret" not in ended.err
    assert "s3cret" not in Path(state.remembered).read_text()


def test_a_damaged_record_is_told_with_what_is_used_instead(cli: "Cli") -> None:
    state = brought_up(cli, "cluster.workers=2")
    state.remembered.write_text("{")
    ended = cli("kubeconfig")
    assert (ended.code, ended.out) == (0, f"{state.kubeconfig}\n")
    assert ended.err.startswith(f"{state.remembered} is damaged (Expecting property name")
    assert ended.err.endswith("so the stack is taken as it is declared now; bootstrap up dev writes it again\n")
