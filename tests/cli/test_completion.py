"""`bootstrap completion --install`: written once, updated if it is ours, never over somebody else's."""

from pathlib import Path

import pytest

from cli.conftest import Cli

PLACES = {
    "bash": "data/bash-completion/completions/bootstrap",
    "zsh": "data/zsh/site-functions/_bootstrap",
    "fish": "config/fish/completions/bootstrap.fish",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Path:
    del cli  # it takes the user's variables away first
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.mark.parametrize("shell", PLACES)
def test_it_is_written_once_and_updated(cli: Cli, home: Path, shell: str) -> None:
    file = home / PLACES[shell]
    first = cli("completion", shell, "--install")
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith(f"{file}: written\n")
    assert file.read_text() == cli("completion", shell).out
    assert cli("completion", shell, "--install").out.startswith(f"{file}: is there already\n")
    file.write_text("# an older one: _BOOTSTRAP_COMPLETE\n")
    assert cli("completion", shell, "--install").out.startswith(f"{file}: updated\n")


@pytest.mark.parametrize("shell", PLACES)
def test_what_somebody_else_wrote_stays(cli: Cli, home: Path, shell: str) -> None:
    file = home / PLACES[shell]
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n")
    ended = cli("completion", shell, "--install")
    assert (ended.code, ended.out) == (4, "")
    assert f"{file} is there, and is not bootstrap's completion" in ended.err
    assert file.read_text() == "# mine\n"


def test_the_shell_is_that_of_the_user(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert (cli("completion", "--install").code, (home / PLACES["fish"]).is_file()) == (0, True)
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    ended = cli("completion", "--install")
    assert ended.code == 2
    assert "there is no completion for the shell tcsh" in ended.err
