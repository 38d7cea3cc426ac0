"""The scripts that exchange the data of a node, run here on folders of the test."""

import subprocess
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes import saved_state
from bootstrap.clusters.k3d import saved_state as k3d
from bootstrap.clusters.kind import saved_state as kind


class Node:
    """The folders of a node, below a folder of the test."""

    def __init__(self, folder: Path, provider: str) -> None:
        self.folder = folder
        self.provider = provider
        self.staged = folder / "staged"
        self.etcd = folder / "lib" / "etcd"
        self.roots = (folder / "volumes", folder / "others")
        write(self.etcd / "db", "now")
        write(self.roots[0] / "pvc-1" / "file", "now")
        write(self.roots[0] / "pvc-1" / "later", "now")
        write(self.roots[0] / "pvc-2" / "file", "now")

    def run(self, script: str, *arguments: object) -> None:
        command = ("sh", "-c", script, "sh", *map(str, arguments))
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert finished.returncode == 0, finished.stdout + finished.stderr

    def stage(self) -> None:
        self.run(saved_state._STAGE, self.staged, "volumes-1", "volumes-2")
        write(self.staged / "etcd" / "db", "then")
        write(self.staged / "volumes-1" / "pvc-1" / "file", "then")
        write(self.staged / "volumes-1" / "pvc-3" / "file", "then")

    def exchange(self) -> None:
        if self.provider == "kind":
            self.run(kind._EXCHANGE, self.staged, self.etcd, *self.roots)
        else:
            pairs = ("etcd", self.etcd, "volumes-1", self.roots[0], "volumes-2", self.roots[1])
            self.run(k3d._EXCHANGE, self.staged, *pairs)

    def contents(self) -> dict[str, str]:
        found = (file for root in (self.etcd, *self.roots) for file in root.rglob("*") if file.is_file())
        return {str(file.relative_to(self.folder)): file.read_text() for file in found}


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture(params=["kind", "k3d"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    return Node(tmp_path, request.param)


THEN = {"lib/etcd/db": "then", "volumes/pvc-1/file": "then", "volumes/pvc-3/file": "then"}


def test_everything_is_as_it_was_then(node: Node) -> None:
    node.stage()
    before = (node.roots[0] / "pvc-1").stat().st_ino
    node.exchange()
    assert node.contents() == THEN
    # kubelet may still have it mounted.
    assert node.provider != "kind" or (node.roots[0] / "pvc-1").stat().st_ino == before
    node.run(saved_state._CLEAR, node.staged)
    assert not node.staged.exists()
    assert node.contents() == THEN


def test_a_disk_without_room_for_a_second_copy_is_found_when_it_is_staged(node: Node, tmp_path: Path) -> None:
    node.stage()
    node.run(saved_state._ROOM, node.staged)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "df").write_text("#!/bin/sh\necho head; echo disk 9 9 1 99% /\n")
    (tmp_path / "bin" / "df").chmod(0o700)
    script = f'PATH="{tmp_path}/bin:$PATH"{saved_state._ROOM}'
    with pytest.raises(AssertionError, match="its disk has 1k free"):
        node.run(script, node.staged)


def test_it_ends_the_same_wherever_it_was_cut_off(node: Node) -> None:
    node.stage()
    if node.provider == "kind":
        node.etcd.rename(node.staged / "etcd.replaced")
    (node.roots[0] / "pvc-1" / "file").unlink()
    node.exchange()
    write(node.roots[0] / "pvc-1" / "more", "half")
    node.exchange()
    assert node.contents() == THEN


def test_nothing_happens_once_it_is_cleared(node: Node) -> None:
    node.stage()
    node.exchange()
    node.staged.rename(node.staged.with_name("staged.removed"))
    node.exchange()
    assert node.contents() == THEN
    node.run(saved_state._CLEAR, node.staged)
    assert not node.staged.with_name("staged.removed").exists()


def test_volumes_that_came_later_go_where_there_were_none(node: Node) -> None:
    write(node.roots[1] / "pvc-9" / "file", "now")
    node.stage()
    node.exchange()
    assert node.contents() == THEN
