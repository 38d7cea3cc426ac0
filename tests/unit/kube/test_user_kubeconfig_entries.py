"""What was merged into the user's kubeconfig leaves it with the stack; nothing else of it changes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.engine.leftovers import AllLeftovers
from bootstrap.kube.user_kubeconfig import merge_kubeconfig
from bootstrap.kube.user_kubeconfig_entries import MergedEntries, is_merged, note_merged
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

THEIRS = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "other", "cluster": {"server": "https://other"}}],
    "users": [{"name": "other", "user": {"token": "t"}}],
    "contexts": [{"name": "other", "context": {"cluster": "other", "user": "other"}}],
    "current-context": "other",
    "preferences": {"colors": True},
}


def ours(name: str, server: str = "https://127.0.0.1:1") -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "s"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    file = tmp_path / "their config"
    file.write_text(yaml.safe_dump(THEIRS))
    file.chmod(0o640)
    return file


def merged(folder: Path, target: Path, name: str = "bootstrap-dev") -> StatePaths:
    state = StatePaths(folder=folder / name)
    state.folder.mkdir(exist_ok=True)
    state.kubeconfig.write_text(yaml.safe_dump(ours(name)))
    note_merged(state, target)
    merge_kubeconfig(state.kubeconfig, target)
    return state


def removed(state: StatePaths, token: CancelToken, said: list[str] | None = None) -> tuple[str, ...]:
    heard: list[str] = [] if said is None else said
    return tuple(AllLeftovers([MergedEntries(state)]).remove(Work(token, heard.append), keep_data=True))


def test_the_file_is_as_it_was_before(theirs: Path, token: CancelToken, tmp_path: Path) -> None:
    state = merged(tmp_path, theirs)
    mode = theirs.stat().st_mode
    assert is_merged(state)
    assert removed(state, token) == (f"bootstrap-dev in {theirs}",)
    assert yaml.safe_load(theirs.read_text()) == THEIRS
    assert theirs.stat().st_mode == mode
    assert not is_merged(state)
    assert removed(state, token) == ()


def test_a_current_context_that_is_gone_is_none(theirs: Path, token: CancelToken, tmp_path: Path) -> None:
    state = merged(tmp_path, theirs)
    document = yaml.safe_load(theirs.read_text())
    theirs.write_text(yaml.safe_dump({**document, "current-context": "bootstrap-dev"}))
    removed(state, token)
    assert yaml.safe_load(theirs.read_text()) == {**THEIRS, "current-context": ""}


def test_what_somebody_else_made_of_the_name_stays(theirs: Path, token: CancelToken, tmp_path: Path) -> None:
    state = merged(tmp_path, theirs)
    foreign = ours("bootstrap-dev", server="https://elsewhere")
    theirs.write_text(yaml.safe_dump({**THEIRS, **{name: foreign[name] for name in ("clusters", "users", "contexts")}}))
    removed(state, token)
    left = yaml.safe_load(theirs.read_text())
    assert (left["clusters"], left["users"], left["contexts"]) == (foreign["clusters"], [], [])


def test_every_file_and_no_other_stack_is_meant(theirs: Path, token: CancelToken, tmp_path: Path) -> None:
    state, second = merged(tmp_path, theirs), tmp_path / "second"
    merged(tmp_path, second)
    other = merged(tmp_path, theirs, "bootstrap-other")
    assert len(removed(state, token)) == 2
    assert [context["name"] for context in yaml.safe_load(theirs.read_text())["contexts"]] == [
        "other",
        "bootstrap-other",
    ]
    assert yaml.safe_load(second.read_text())["contexts"] == []
    second.unlink()
    removed(other, token)
    assert yaml.safe_load(theirs.read_text()) == THEIRS


def test_a_file_that_is_no_kubeconfig_by_now_stays_as_it_is(theirs: Path, token: CancelToken, tmp_path: Path) -> None:
    state = merged(tmp_path, theirs)
    theirs.write_text("[")
    said: list[str] = []
    assert removed(state, token, said) == ()
    assert theirs.read_text() == "["
    assert said[0].startswith(f"{theirs} stays as it is")
