"""Folders follow the XDG variables, hold only what their owner may read, and never meet."""

import stat
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.stack import Stack, StatePaths
from bootstrap.state.paths import cache_folder, create_state, identity, settings_folder, state_folder, state_paths


def stack(project: Path, name: str = "dev") -> Stack:
    return Stack(name=name, file=None, project=project)


def test_the_variables_are_followed() -> None:
    environment = {"XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c", "XDG_CONFIG_HOME": "/k"}
    assert state_folder(environment) == Path("/s/bootstrap")
    assert cache_folder(environment) == Path("/c/bootstrap")
    assert settings_folder(environment) == Path("/k/bootstrap")


def test_without_variables_or_with_relative_ones_the_system_says() -> None:
    assert state_folder({}) == state_folder({"XDG_STATE_HOME": "relative"})
    assert state_folder({}).is_absolute()
    assert cache_folder({}) != state_folder({})


def test_two_checkouts_and_two_names_never_meet(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": "/s"}
    folders = {
        state_paths(stack(project, name), environment).folder
        for project in (tmp_path / "a", tmp_path / "b")
        for name in ("dev", "ci")
    }
    assert len(folders) == 4
    assert all(folder.parent == Path("/s/bootstrap") for folder in folders)


def test_instances_never_meet_whatever_their_names_read_like(tmp_path: Path) -> None:
    named = [("a", "b-c"), ("a-b", "c"), ("a-b-c", ""), ("a", "b"), ("a", ""), ("a", "x" * 63), ("a", "x" * 62)]
    stacks = [Stack(name=name, instance=instance, file=None, project=tmp_path) for name, instance in named]
    identities = [identity(declared) for declared in stacks]
    assert len(set(identities)) == len(named)
    assert identities[0].startswith("a-b-c-")
    assert max(len(name) for name in identities) == 63
    elsewhere = Stack(name="a", instance="b", file=None, project=tmp_path / "other")
    assert identity(elsewhere) not in identities


def test_a_link_to_a_project_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    linked, real = (state_paths(stack(tmp_path / name), {}) for name in ("link", "real"))
    assert linked == real
    assert real.folder.name.startswith("dev-")


def test_folders_are_their_owners_alone(tmp_path: Path) -> None:
    paths = state_paths(stack(tmp_path), {"XDG_STATE_HOME": str(tmp_path / "state")})
    create_state(paths)
    paths.folder.chmod(0o755)
    create_state(paths)
    modes = [stat.S_IMODE(folder.stat().st_mode) for folder in (paths.folder, paths.logs)]
    assert modes == [0o700, 0o700]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError) as caught:
        create_state(StatePaths(folder=tmp_path / "file" / "dev"))
    assert caught.value.what == f"cannot create {tmp_path}/file/dev: Not a directory"
    assert caught.value.fix == "set XDG_STATE_HOME to a folder that can be written to"


def test_no_folder_above_the_stacks_own_is_open_to_others(tmp_path: Path) -> None:
    paths = StatePaths(folder=tmp_path / "state" / "bootstrap" / "dev")
    create_state(paths)
    folders = (paths.folder, paths.logs, paths.folder.parent, paths.folder.parent.parent)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
