"""Commands that need no program: results on standard output, errors on standard error, documented exit codes."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from bootstrap.cli import main as main_module
from bootstrap.cli.machine import new_token
from bootstrap.cli.options import StackOptions
from bootstrap.cli.session import open_stack
from bootstrap.config.flags import Overrides

if TYPE_CHECKING:
    from cli.conftest import Cli


def test_a_stack_that_is_not_there(cli: "Cli") -> None:
    ended = cli("up", "nowhere")
    assert (ended.code, ended.out) == (2, "")
    assert "nowhere" in ended.err


def test_every_problem_of_a_stack_file_at_once(cli: "Cli") -> None:
    cli.stack("cluster: {provder: kwok, workers: many}")
    ended = cli("plan")
    assert ended.code == 3
    assert "stacks/dev.yaml:4: cluster.provder: unknown key (did you mean provider?)" in ended.err
    assert "stacks/dev.yaml:4: cluster.workers" in ended.err
    assert ended.out == ""


def test_an_impossible_combination_is_told_before_anything_starts(cli: "Cli") -> None:
    cli.stack("cluster: {provider: kwok}\nemulator: {placement: chart}")
    ended = cli("up")
    assert ended.code == 3
    assert "chart cannot be used on kwok" in ended.err
    assert not (cli.folder.parent / "xdg state").exists()


def test_config_shows_where_values_come_from(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    cli.stack()
    monkeypatch.setenv("BOOTSTRAP_SET_cluster__workers", "2")
    ended = cli("config", "--show-origin", "--set", "emulator.region=eu-west-1")
    assert ended.code == 0
    rows = {line.split(":")[0]: line for line in ended.out.splitlines()}
    assert rows["cluster.provider"].split() == ["cluster.provider:", "kwok", "#", "stacks/dev.yaml:4"]
    assert rows["cluster.workers"].split() == ["cluster.workers:", "2", "#", "BOOTSTRAP_SET_cluster__workers"]
    assert rows["emulator.region"].split() == ["emulator.region:", "eu-west-1", "#", "--set"]
    document = json.loads(cli("config", "--output", "json").out)
    assert {"path": "cluster.provider", "value": "kwok", "origin": "stacks/dev.yaml:4"} in document["values"]


def test_the_schema_is_json(cli: "Cli") -> None:
    assert json.loads(cli("config", "--schema").out)["properties"]["kind"]


def test_a_state_folder_that_cannot_be_made_is_told_with_the_way_out(
    cli: "Cli", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli.stack()
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file"))
    ended = cli("up")
    assert (ended.code, ended.out) == (4, "")
    assert "cannot create" in ended.err
    assert "set XDG_STATE_HOME to a folder that can be written to" in ended.err


def test_down_of_nothing_changes_nothing(cli: "Cli") -> None:
    cli.stack()
    ended = cli("down", "--progress", "plain")
    assert (ended.code, ended.out) == (0, "")
    assert "nothing to remove" in ended.err
    assert not (cli.folder.parent / "xdg state").exists()


@pytest.mark.parametrize("command", [("env",), ("kubeconfig",), ("run", "--", "true")])
def test_what_needs_a_platform_refuses_without_one(cli: "Cli", command: tuple[str, ...]) -> None:
    cli.stack()
    ended = cli(*command)
    assert (ended.code, ended.out) == (4, "")
    assert "stack dev is not up" in ended.err
    assert "bootstrap up dev" in ended.err


KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "bootstrap-dev", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "bootstrap-dev", "user": {"token": "t"}}],
    "contexts": [{"name": "bootstrap-dev", "context": {"cluster": "bootstrap-dev", "user": "bootstrap-dev"}}],
    "current-context": "bootstrap-dev",
}


@pytest.fixture
def with_kubeconfig(cli: "Cli") -> Path:
    cli.stack()
    file = cli.state.kubeconfig
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(KUBECONFIG))
    return file


def test_the_kubeconfigs_path_is_told(cli: "Cli", with_kubeconfig: Path) -> None:
    assert cli("kubeconfig").out == f"{with_kubeconfig}\n"


def test_only_merge_writes_the_users_kubeconfig_and_keeps_what_is_there(
    cli: "Cli", with_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert with_kubeconfig.exists()
    theirs = tmp_path / "their config"
    old = {"name": "bootstrap-dev", "cluster": {"server": "https://old"}}
    other = {"name": "other", "cluster": {"server": "https://other"}}
    theirs.write_text(yaml.safe_dump({"clusters": [old, other], "current-context": "other", "users": None}))
    monkeypatch.setenv("KUBECONFIG", f"{theirs}{os.pathsep}/elsewhere")
    ended = cli("kubeconfig", "--merge")
    assert ended.out == f"bootstrap-dev is in {theirs}\n"
    merged = yaml.safe_load(theirs.read_text())
    assert [cluster["name"] for cluster in merged["clusters"]] == ["other", "bootstrap-dev"]
    assert merged["clusters"][1]["cluster"]["server"] == "https://127.0.0.1:1"
    assert merged["current-context"] == "other"
    assert theirs.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["[", "just text", "clusters: {a: b}"])
def test_a_kubeconfig_that_is_none_is_left_as_it_is(
    cli: "Cli", with_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    assert with_kubeconfig.exists()
    theirs = tmp_path / "theirs"
    theirs.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(theirs))
    assert cli("kubeconfig", "--merge").code == 3
    assert theirs.read_text() == text


def test_logs_are_shown_listed_and_missed(cli: "Cli") -> None:
    cli.stack()
    assert cli("logs").code == 4
    log = cli.state.logs / "up-20260102-030405.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n")
    assert cli("logs", "-n", "1").out == "two\n"
    assert cli("logs", "--list").out == f"{log}\n"
    assert json.loads(cli("logs", "-o", "json", "-n", "1").out) == {
        "version": 1,
        "name": "up-20260102-030405",
        "file": str(log),
        "lines": ["two"],
    }
    assert cli("logs", "--of", "etcd").code == 2


NAMED = [
    ("env",),
    ("kubeconfig",),
    ("run", "--", "true"),
    ("pause",),
    ("seed", "plan"),
    ("seed", "export"),
]


@pytest.mark.parametrize("command", NAMED)
def test_a_name_means_another_instance(cli: "Cli", command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    cli.stack()
    words = [*command[:1], *command[1:2]] if command[0] == "seed" else [*command[:1]]
    ended = cli(*words, "--name", "Pr", *command[len(words) :])
    assert (ended.code, "write --name pr" in ended.err) == (2, True)
    monkeypatch.setenv("BOOTSTRAP_NAME", "PR")
    assert "write --name pr" in cli(*command).err


def test_a_bug_is_told_as_one(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(main_module.bootstrap, "main", crash)
    ended = cli("up")
    assert ended.code == 70
    assert "ZeroDivisionError: oops" in ended.err
    assert "This is a bug in bootstrap" in ended.err


def test_a_full_disk_is_told_as_one(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device", "/state/journal")

    monkeypatch.setattr(main_module.bootstrap, "main", fill)
    ended = cli("up")
    assert ended.code == 1
    assert ended.err.startswith("Error: No space left on device: /state/journal\nFix:   make room on the disk")


def test_doctor_names_every_program(cli: "Cli", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    document = json.loads(cli("doctor", "--output", "json").out)
    assert {"helm", "kubectl", "kind", "k3d", "kwok", "etcd", "python"} <= {
        check["subject"] for check in document["checks"]
    }
    ended = cli("doctor")
    assert ended.code == 4
    assert "Fix: " in ended.out


def test_tools_list_fetches_nothing(cli: "Cli", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    document = json.loads(cli("tools", "list", "--output", "json").out)
    assert {program["name"]: program["path"] for program in document["programs"]}["helm"] is None
    assert cli("tools", "fetch", "nonsense").code == 2


def test_images_are_loaded_only_to_machines(cli: "Cli") -> None:
    cli.stack("cluster: {provider: existing, context: shared}\nemulator: false")
    ended = cli("load", "web:1")
    assert (ended.code, ended.out) == (4, "")
    assert "provider existing has no nodes that images can be loaded into" in ended.err


def test_only_containers_are_paused(cli: "Cli") -> None:
    cli.stack("cluster: {provider: existing, context: shared}\nemulator: false")
    ended = cli("pause")
    assert (ended.code, ended.out) == (4, "")
    assert "provider existing has no containers to stop" in ended.err


def test_an_engine_that_is_named_and_does_not_answer_is_no_reason_for_kwok(
    cli: "Cli", monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.stack("cluster: {provider: auto}")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{cli.folder / 'nobody.sock'}")
    ended = cli("plan")
    assert ended.code == 4
    assert f"DOCKER_HOST=unix://{cli.folder / 'nobody.sock'} points to an engine that does not answer" in ended.err
    assert "unset DOCKER_HOST; or without Docker: --provider kwok" in ended.err


def test_the_first_line_says_why_there_are_no_containers(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    cli.stack("cluster: {provider: auto}")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(cli.folder))
    monkeypatch.setattr("bootstrap.docker.engine.engine_answers", lambda _environment: False)

    def first_line() -> str:
        options = StackOptions(reference="dev", overrides=Overrides())
        return open_stack(options, cancel=new_token()).headline

    simulated = "a real Kubernetes API, but pods are simulated"
    assert first_line() == f"stack dev on kwok (no Docker engine answers): {simulated}"
    monkeypatch.setattr("bootstrap.docker.engine.engine_answers", lambda _environment: True)
    monkeypatch.setenv("PATH", str(cli.folder))
    assert first_line() == f"stack dev on kwok (kind needs the program docker, which is not on PATH): {simulated}"


def test_a_broken_stack_file_is_in_the_reports_of_ci(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    cli.stack("cluster: {provider: kwok, workers: many}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(cli.folder / "summary.md"))
    ended = cli("up", "--junit", "junit.xml")
    assert ended.code == 3
    assert "::error file=stacks/dev.yaml,line=4,title=bootstrap::cluster.workers: " in ended.err
    report = (cli.folder / "junit.xml").read_text()
    assert 'failures="1"' in report
    assert "stacks/dev.yaml:4: cluster.workers: " in report


@pytest.mark.parametrize("option", ["--junit", "--events"])
@pytest.mark.parametrize(("path", "why"), [(".", "is a directory"), ("nowhere/r", "the folder nowhere does not exist")])
def test_a_file_that_cannot_be_written_is_refused_first(cli: "Cli", option: str, path: str, why: str) -> None:
    cli.stack()
    ended = cli("up", option, path)
    assert ended.code == 2
    assert why in ended.err
    assert not cli.state.folder.exists()


STREAMS = {
    "stdout closed": "config >&-",
    "stderr closed": "config 2>&-",
    "stdin closed": "config <&-",
    "all closed": "config <&- >&- 2>&-",
    "read in part": "config --schema | head -1",
    "an error that nobody sees": "config nowhere 2>&-; test $? = 2",
}


@pytest.mark.parametrize("words", STREAMS.values(), ids=STREAMS)
def test_closed_streams_change_no_exit_code(cli: "Cli", words: str) -> None:
    cli.stack("cluster: {provider: kwok}\nemulator: false")
    command = f"set -o pipefail; {shlex.quote(sys.executable)} -m bootstrap {words}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_result_that_cannot_be_written_is_an_error(cli: "Cli") -> None:
    cli.stack("cluster: {provider: kwok}\nemulator: false")
    command = f"{shlex.quote(sys.executable)} -m bootstrap config > /dev/full"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, "cannot be written to standard output: No space left" in ended.stderr) == (1, True)
