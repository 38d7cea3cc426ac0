"""Where notes are kept: any length in a service of short texts, whole after a kill; and files of one start alone."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.marker_store import _Packed, is_reserved, marker_store
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken, SystemClock


@dataclass
class Cells:
    """A service of texts of at most forty characters."""

    most: int = 40
    texts: dict[str, str] = field(default_factory=dict)
    puts_left: int = 1000

    def get(self, name: str) -> str | None:
        return self.texts.get(name)

    def put(self, name: str, text: str) -> None:
        assert len(text) <= self.most
        if not self.puts_left:
            raise ConnectionError
        self.puts_left -= 1
        self.texts[name] = text

    def remove(self, name: str) -> None:
        self.texts.pop(name, None)


def content(seed: int) -> bytes:
    return b"".join(f"{seed * number},".encode() for number in range(200))


def test_any_length_comes_back_and_leaves_nothing_behind() -> None:
    cells = Cells()
    store = _Packed(cells)
    assert store.read("a") is None
    for given in (content(7), b"short", content(3)):
        store.write("a", given)
        assert store.read("a") == given
    store.write("b", content(5))
    assert (store.read("a"), store.read("b")) == (content(3), content(5))
    store.write("a", b"")
    store.write("b", b"")
    assert cells.texts == {}


def test_a_kill_between_two_pieces_leaves_what_was_there() -> None:
    cells = Cells()
    store = _Packed(cells)
    store.write("a", content(7))
    pieces = len(cells.texts)
    for killed_after in range(pieces):
        cells.puts_left = killed_after
        with pytest.raises(ConnectionError):
            store.write("a", content(11))
        assert store.read("a") == content(7)


def endpoint(incarnation: str) -> EmulatorEndpoint:
    return EmulatorEndpoint(
        url="http://127.0.0.1:1",
        region="us-east-1",
        driver="localstack",
        incarnation=incarnation,
        services=frozenset({"sns"}),
    )


def test_beside_the_stack_notes_are_of_one_start_of_the_emulator(tmp_path: Path) -> None:
    cancel = CancelToken(SystemClock())
    first = Target(endpoint("one"), "o", cancel, tmp_path)
    marker_store(first).write("o.json", b"1")
    assert marker_store(first).read("o.json") == b"1"
    second = Target(endpoint("two"), "o", cancel, tmp_path)
    assert marker_store(second).read("o.json") is None
    marker_store(second).write("o.json", b"2")
    assert [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()] == [b"2"]
    for target in (first, second):
        target.close()


def test_without_a_folder_there_is_no_place() -> None:
    target = Target(endpoint("one"), "o", CancelToken(SystemClock()))
    with pytest.raises(RefusedError, match="has no service that can keep the ownership record of bootstrap"):
        marker_store(target)
    target.close()


@pytest.mark.parametrize(
    ("name", "reserved"),
    [("bootstrap-marker", True), ("bootstrap-marker/a", True), ("bootstrap-marker-a", True), ("bootstrap", False)],
)
def test_our_own_names_are_reserved(name: str, reserved: bool) -> None:
    assert is_reserved(name) is reserved
