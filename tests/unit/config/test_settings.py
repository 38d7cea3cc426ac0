"""Settings: flags over environment over file over defaults, and each knows which."""

from datetime import timedelta
from pathlib import Path

import pytest

from bootstrap.config.flags import SettingFlags
from bootstrap.config.settings import Settings, load_settings
from bootstrap.errors import InvalidError, UsageError


def settings(folder: Path, flags: SettingFlags | None = None, **environment: str) -> Settings:
    given = {"XDG_CONFIG_HOME": str(folder), **environment}
    return load_settings(flags or SettingFlags(), cwd=folder, environment=given)


def write(folder: Path, text: str) -> None:
    (folder / "bootstrap").mkdir()
    (folder / "bootstrap" / "config.yaml").write_text(text)


def test_defaults(tmp_path: Path) -> None:
    loaded = settings(tmp_path)
    assert (loaded.jobs, loaded.timeout, loaded.progress, loaded.mirror) == (8, timedelta(minutes=30), "auto", None)
    assert loaded.tools == {}
    assert {value.origin for value in loaded.values} == {"default"}


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    write(tmp_path, "jobs: 2\ntimeout: 10m\nprogress: plain\ntools: {helm: helm-here, kind: /opt/kind}\n")
    flags = SettingFlags(timeout="90s", tools=("kind=bin/kind",))
    environment = {"BOOTSTRAP_TIMEOUT": "20m", "BOOTSTRAP_PROGRESS": "json", "BOOTSTRAP_TOOL_KUBE_APISERVER": "/k #1"}
    loaded = settings(tmp_path, flags, BOOTSTRAP_MIRROR="http://127.0.0.1:1", **environment)
    assert (loaded.jobs, loaded.timeout, loaded.progress) == (2, timedelta(seconds=90), "json")
    assert loaded.mirror == "http://127.0.0.1:1"
    assert loaded.tools == {
        "helm": tmp_path / "bootstrap" / "helm-here",
        "kind": tmp_path / "bin" / "kind",
        "kube-apiserver": Path("/k #1"),
    }
    assert [(value.path, value.origin) for value in loaded.values] == [
        ("jobs", "bootstrap/config.yaml:1"),
        ("timeout", "--timeout"),
        ("progress", "BOOTSTRAP_PROGRESS"),
        ("mirror", "BOOTSTRAP_MIRROR"),
        ("tools.helm", "bootstrap/config.yaml:4"),
        ("tools.kind", "--tool"),
        ("tools.kube-apiserver", "BOOTSTRAP_TOOL_KUBE_APISERVER"),
    ]


def test_problems_of_every_source_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "job: 2\n")
    with pytest.raises(InvalidError) as caught:
        settings(tmp_path, SettingFlags(jobs=0), BOOTSTRAP_TIMEOUT="soon")
    assert str(caught.value).splitlines() == [
        "bootstrap/config.yaml:1: job: unknown key (did you mean jobs?)",
        'BOOTSTRAP_TIMEOUT: timeout: "soon" is not a duration (write 5m, 90s or 1h30m)',
        "--jobs: jobs: 0 is not a whole number from 1 to 64",
    ]


def test_a_file_that_holds_no_settings(tmp_path: Path) -> None:
    write(tmp_path, "- jobs\n")
    with pytest.raises(InvalidError, match=r"config\.yaml:1: is not a settings file: write keys such as jobs: 4"):
        settings(tmp_path)


@pytest.mark.parametrize("text", ["helm", "=x", "helm="])
def test_a_tool_is_a_name_and_a_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is not name=path"):
        settings(tmp_path, SettingFlags(tools=(text,)))
