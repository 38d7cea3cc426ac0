"""What the command line says of itself."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bootstrap.cli.main import COMMANDS

Cli = Callable[..., Any]

HELP = """\
Usage: bootstrap [OPTIONS] COMMAND [ARGS]...

  Create a complete local platform with one command, delete it with another.

    bootstrap up                 cluster, AWS emulator with data, charts: stack dev
    bootstrap up quickstart      the smallest complete stack
    bootstrap plan --var a=b     what up would do, and why
    bootstrap down               delete it
"""


def test_help_begins_with_what_it_is_and_examples(cli: Cli) -> None:
    ended = cli("--help")
    assert ended.code == 0
    assert ended.out.startswith(HELP)
    assert "10 would change (--exit-code)" in ended.out


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from bootstrap.cli.main import run; run(['--help']);"
        "heavy = {'boto3', 'botocore', 'docker', 'rich', 'cryptography', 'python_on_whales', 'http.client'};"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_fits_a_screen(cli: Cli, command: str) -> None:
    ended = cli(command, "--help")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"Usage: bootstrap {command}")
    assert len(lines) <= 50
    assert max(len(line) for line in lines) <= 100


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"version"}))
def test_examples_come_before_options(cli: Cli, command: str) -> None:
    text = cli(command, "--help").out
    usage, _, rest = text.partition("\n")
    assert usage
    assert 0 < rest.index(f"bootstrap {command}") < rest.index("Options:")


def test_a_mistyped_command_is_a_usage_error_with_the_nearest(cli: Cli) -> None:
    ended = cli("stauts")
    assert ended.code == 2
    assert "No such command 'stauts'" in ended.err
    assert "status" in ended.err


def test_a_mistyped_option_is_a_usage_error(cli: Cli) -> None:
    ended = cli("up", "--prunee")
    assert (ended.code, ended.out) == (2, "")
    assert "--prune" in ended.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(cli: Cli, shell: str) -> None:
    ended = cli("completion", shell)
    assert ended.code == 0
    assert "_BOOTSTRAP_COMPLETE" in ended.out


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("version").out == "bootstrap 0.2.0\n"


@pytest.mark.parametrize("verb", ["plan", "apply", "refresh", "reset", "prune", "export"])
def test_examples_of_seed_verbs_come_before_options(cli: Cli, verb: str) -> None:
    text = cli("seed", verb, "--help").out
    assert 0 < text.index(f"bootstrap seed {verb}", len("Usage: bootstrap seed")) < text.index("Options:")
