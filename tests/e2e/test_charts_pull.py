"""Charts brought in from where they are published, with the real helm and git; everything on loopback."""

import hashlib
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap.charts.archive import read_archive, read_folder
from bootstrap.charts.charts import HelmCharts
from bootstrap.charts.lockfile import ChartLock, LockedChart, read_lock, write_lock
from bootstrap.errors import StepFailedError
from bootstrap.model.release import ChartRef, GitChart, LocalChart, OciChart, Release, RepositoryChart
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.helms import programs_with

pytestmark = pytest.mark.e2e


def packed(folder: Path, name: str, version: str) -> bytes:
    chart = folder / f"{name}-{version}"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\n")
    (chart / "templates" / "cm.yaml").write_text(f"kind: ConfigMap\nmetadata: {{name: {name}}}\n")
    return read_folder(chart).packed()


@dataclass
class Repository:
    """An HTTP chart repository and an OCI registry in one."""

    folder: Path
    url: str = ""
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """By path: media type and content."""

    def publish(self, name: str, version: str, content: bytes) -> None:
        self.blobs[f"/{name}-{version}.tgz"] = ("application/gzip", content)
        entries = [
            {"name": name, "version": path.removesuffix(".tgz").rpartition(f"{name}-")[2], "urls": [path[1:]]}
            for path in self.blobs
            if path.endswith(".tgz")
        ]
        index = {"apiVersion": "v1", "entries": {name: entries}}
        self.blobs["/index.yaml"] = ("text/yaml", json.dumps(index).encode())

    def push(self, name: str, version: str, content: bytes) -> str:
        """As `helm push` would; the manifest's digest."""
        config = json.dumps({"name": name, "version": version}).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "config": self._blob(name, "application/vnd.cncf.helm.config.v1+json", config),
                "layers": [self._blob(name, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", content)],
            }
        ).encode()
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        for reference in (version, digest):
            media = "application/vnd.oci.image.manifest.v1+json"
            self.blobs[f"/v2/{name}/manifests/{reference}"] = (media, manifest)
        tags = [path.rpartition("/")[2] for path in self.blobs if "/manifests/" in path and "sha256" not in path]
        self.blobs[f"/v2/{name}/tags/list"] = ("application/json", json.dumps({"name": name, "tags": tags}).encode())
        return digest

    def _blob(self, name: str, media: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[f"/v2/{name}/blobs/{digest}"] = ("application/octet-stream", content)
        return {"mediaType": media, "digest": digest, "size": len(content)}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    new_repository = Repository(tmp_path)

    class Requests(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def do_GET(self, *, body: bool = True) -> None:
            path = self.path.partition("?")[0]
            media, content = new_repository.blobs.get(path, ("text/plain", b""))
            self.send_response(200 if path in new_repository.blobs or path == "/v2/" else 404)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
            self.end_headers()
            if body:
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        new_repository.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        yield new_repository
        server.shutdown()


@dataclass
class Puller:
    """Pulls into caches of its own."""

    folder: Path
    mirrors: dict[str, str] = field(default_factory=dict)
    cache: str = "cache"

    @property
    def lock_file(self) -> Path:
        return self.folder / "bootstrap.lock"

    def pull(self, ref: ChartRef, **changes: Any) -> tuple[str, str]:
        """Name and version of the chart that this reference leads to; it must be found in the cache afterwards."""
        digest = self.charts().pull(_release(ref, **changes), Work(_token(), lambda _text: None))
        assert self.found(ref, **changes) == digest
        stored = self.folder / self.cache / "charts" / f"{digest.removeprefix('sha256:')}.tgz"
        chart = read_archive(stored.read_bytes(), str(stored))
        return chart.name, chart.version

    def found(self, ref: ChartRef, **changes: Any) -> str | None:
        """The digest of the chart in the cache."""
        return self.charts().prepare([_release(ref, **changes)], _token())["flux/app"].chart_digest

    def charts(self) -> HelmCharts:
        return HelmCharts(
            programs=programs_with("own"),
            processes=SystemProcesses(SystemClock()),
            cache=self.folder / self.cache,
            state=StatePaths(folder=self.folder / "state"),
            kube_version="1.34.4",
            mirrors=self.mirrors,
            lock_file=self.lock_file,
        )


def _release(ref: ChartRef, **changes: Any) -> Release:
    return Release(namespace="flux", name="app", release_name="app", target_namespace="app", chart=ref, **changes)


def _token() -> CancelToken:
    return CancelToken(SystemClock()).within(60, "the test")


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@pytest.fixture
def published(repository: Repository, tmp_path: Path) -> Repository:
    for version in ("1.0.0", "1.2.0", "2.0.0", "2.1.0-rc.1"):
        repository.publish("app", version, packed(tmp_path, "app", version))
    return repository


@pytest.mark.parametrize(
    ("asked", "version"),
    [("*", "2.0.0"), ("1.x", "1.2.0"), ("~1.0", "1.0.0"), ("1.0.0", "1.0.0"), (">=2.1.0-0", "2.1.0-rc.1")],
)
def test_http_repository(published: Repository, puller: Puller, asked: str, version: str) -> None:
    ref = RepositoryChart(url=published.url, name="app", version=asked)
    assert puller.pull(ref) == ("app", version)
    locked = read_lock(puller.lock_file).find(ref)
    assert locked is not None
    assert locked.version == version
    assert locked.digest == f"sha256:{hashlib.sha256(published.blobs[f'/app-{version}.tgz'][1]).hexdigest()}"


def test_the_lock_pins_a_range(published: Repository, puller: Puller) -> None:
    ref = RepositoryChart(url=published.url, name="app", version="1.x")
    assert puller.pull(ref) == ("app", "1.2.0")
    published.publish("app", "1.3.0", packed(puller.folder, "app", "1.3.0"))
    puller.cache = "another"
    assert puller.pull(ref) == ("app", "1.2.0")


def test_a_chart_that_is_in_the_cache_is_locked_too(published: Repository, puller: Puller) -> None:
    ref = RepositoryChart(url=published.url, name="app", version="1.x")
    puller.pull(ref)
    locked = read_lock(puller.lock_file)
    puller.lock_file.unlink()
    assert puller.found(ref) is not None
    assert read_lock(puller.lock_file) == locked


def test_a_chart_that_changed_under_its_version_is_refused(published: Repository, puller: Puller) -> None:
    ref = RepositoryChart(url=published.url, name="app", version="1.0.0")
    write_lock(puller.lock_file, ChartLock().having(ref, LockedChart(version="1.0.0", digest="sha256:other")))
    with pytest.raises(StepFailedError, match=r"chart app 1\.0\.0 differs from .*bootstrap\.lock"):
        puller.pull(ref)


def test_mirror(published: Repository, puller: Puller) -> None:
    puller.mirrors = {
        "https://charts.example.com": "http://127.0.0.1:1",
        "https://charts.example.com/app": published.url,
    }
    assert puller.pull(RepositoryChart(url="https://charts.example.com/app", name="app"))[1] == "2.0.0"


def test_missing_chart_is_named(published: Repository, puller: Puller) -> None:
    with pytest.raises(StepFailedError, match=r"cannot pull chart other 1 of http://127\.0\.0\.1") as raised:
        puller.pull(RepositoryChart(url=published.url, name="other", version="1"))
    assert raised.value.evidence


@pytest.mark.parametrize(
    ("fields", "version"),
    [({}, "1.2.0"), ({"tag": "1.0.0"}, "1.0.0"), ({"semver": "~1.0"}, "1.0.0"), ({"version": "1.x"}, "1.2.0")],
)
def test_oci(repository: Repository, puller: Puller, fields: dict[str, Any], version: str) -> None:
    digests = {
        chart_version: repository.push("app", chart_version, packed(puller.folder, "app", chart_version))
        for chart_version in ("1.0.0", "1.2.0")
    }
    url = f"oci://{repository.url.removeprefix('http://')}/app"
    assert puller.pull(OciChart(url=url, **fields)) == ("app", version)
    assert puller.pull(OciChart(url=url, digest=digests["1.0.0"])) == ("app", "1.0.0")


def test_oci_mirror(repository: Repository, puller: Puller) -> None:
    repository.push("app", "1.0.0", packed(puller.folder, "app", "1.0.0"))
    puller.mirrors = {"oci://registry.example.com": f"oci://{repository.url.removeprefix('http://')}"}
    assert puller.pull(OciChart(url="oci://registry.example.com/app", version="1.0.0")) == ("app", "1.0.0")


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=master")
    done = subprocess.run(("git", *author, *arguments), cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def test_git(puller: Puller, tmp_path: Path) -> None:
    packed(tmp_path / "origin" / "charts", "app", "1.0.0")
    origin = tmp_path / "origin"
    git(origin, "init", "--quiet")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "one")
    git(origin, "tag", "v1")
    git(origin, "branch", "stable")
    (origin / "charts" / "app-1.0.0" / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 1.1.0\n")
    git(origin, "commit", "--quiet", "-am", "two")
    digests = {}
    for field_name, value in (
        ("branch", None),
        ("branch", "stable"),
        ("tag", "v1"),
        ("semver", "1.x"),
        ("ref_name", "refs/heads/master"),
        ("commit", git(origin, "rev-parse", "HEAD")),
    ):
        ref = GitChart(url=origin.as_uri(), path="charts/app-1.0.0", **{field_name: value})
        digests[field_name, value and value[:6]] = puller.pull(ref)[1]
    assert list(digests.values()) == ["1.1.0", "1.0.0", "1.0.0", "1.0.0", "1.1.0", "1.1.0"]


def test_git_revision_that_is_not_there(puller: Puller, tmp_path: Path) -> None:
    (tmp_path / "origin").mkdir()
    git(tmp_path / "origin", "init", "--quiet")
    with pytest.raises(StepFailedError, match="cannot fetch charts/app of file://"):
        puller.pull(GitChart(url=(tmp_path / "origin").as_uri(), path="charts/app", tag="v9"))
    with pytest.raises(StepFailedError, match=r"no tag of file://.* is in the range 9\.x"):
        puller.pull(GitChart(url=(tmp_path / "origin").as_uri(), path="charts/app", semver="9.x"))


def test_dependencies_of_a_chart_on_disk(published: Repository, puller: Puller, tmp_path: Path) -> None:
    packed(tmp_path, "lib", "0.1.0")
    parent = tmp_path / "parent"
    parent.mkdir()
    expected = [
        {"name": "lib", "version": "0.1.0", "repository": "file://../lib-0.1.0"},
        {"name": "app", "version": "^1", "repository": published.url},
    ]
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": expected}
    (parent / "Chart.yaml").write_text(json.dumps(chart))
    assert puller.pull(LocalChart(path=parent)) == ("parent", "1.0.0")
    # Nothing is written into the user's repository.
    assert [path.name for path in parent.iterdir()] == ["Chart.yaml"]


def test_values_files_of_the_chart(puller: Puller, tmp_path: Path) -> None:
    packed(tmp_path, "app", "1.0.0")
    chart = tmp_path / "app-1.0.0"
    (chart / "values.yaml").write_text("a: default")
    (chart / "one.yaml").write_text("a: 1\nb: {c: 1}")
    (chart / "two.yaml").write_text("b: {d: 2}")
    puller.pull(LocalChart(path=chart), values_files=("one.yaml", "two.yaml"))
    kept = [read_archive(archive.read_bytes(), "x").files.get("values.yaml", b"") for archive in _archives(puller)]
    assert {"a": 1, "b": {"c": 1, "d": 2}} in [json.loads(content) for content in kept if content.startswith(b"{")]


def _archives(puller: Puller) -> Iterator[Path]:
    return (puller.folder / puller.cache / "charts").glob("*.tgz")
