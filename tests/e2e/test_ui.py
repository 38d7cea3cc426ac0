"""The pages in a real browser: a run that fails, as it happens; why; every page; and back to work by keyboard alone."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from bootstrap.model.stack import StatePaths
from bootstrap.state.paths import cache_folder
from bootstrap.ui.server import served_address
from fakes.chromium import Chromium, chromium
from fakes.releases import ENTRY, release, write_releases
from fakes.wire import Wire, wire

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

CHART = Path(__file__).parents[1] / "data" / "charts" / "objects"
HTML = "<img src=x onerror=document.title='attacked'>"
SECRET = "planted-secret-4711"
SEEDS = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Seeds",
    "sqs": {"orders": {"messages": [f"first {HTML}", "second"]}},
    "dynamodb": {"users": {"keys": {"partition": "id"}, "items": [{"id": HTML, "password": SECRET}]}},
    "s3": {"files": {"objects": {"readme.txt": {"text": f"read {HTML}"}}}},
    "secretsmanager": {"db": {"string": SECRET}},
}
STACK = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Stack",
    "metadata": {"name": "shop"},
    "cluster": {"provider": "kwok"},
    "emulator": {"persist": False},
    "seeds": ["seeds"],
    "source": {"root": ".", "path": ENTRY},
}
OVERLAPS = """
  const boxes = [...document.querySelectorAll("#graph rect")].map((rect) => rect.getBoundingClientRect());
  return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right
    && a.top < b.bottom && b.top < a.bottom)).length;
"""
OUTSIDE = """
  return [...document.querySelectorAll("header a, main button, main h1, main h2")]
    .filter((each) => !each.closest(".scroll, .virtual") && !each.matches(".skip"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth || each.getBoundingClientRect().left < 0)
    .map((each) => each.textContent);
"""


def web(**placement: Any) -> Mapping[str, Any]:
    """A Deployment whose pod has a node to run on, or none."""
    labels = {"app": "web"}
    pod = {**placement, "containers": [{"name": "main", "image": "example.invalid/web:1"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": "web", "annotations": {"example.com/note": HTML}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


@dataclass
class Project:
    """A stack with a release that cannot become ready, and one that needs it."""

    folder: Path

    def write(self, **placement: Any) -> None:
        chart = "./charts/objects"
        values = {"objects": [web(**placement)], "admin": {"password": SECRET}}
        needs = {"dependsOn": [{"name": "web", "namespace": "web"}], "values": {"objects": []}}
        releases = {
            "web": release("web", chart, {"values": values, "timeout": "2s"}),
            "after": release("after", chart, needs),
        }
        write_releases(self.folder, releases)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        }
        return subprocess.Popen(
            (sys.executable, "-m", "bootstrap", *arguments),
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def state(self) -> StatePaths:
        (folder,) = (self.folder / "state" / "bootstrap").iterdir()
        return StatePaths(folder=folder)


@pytest.fixture(scope="module")
def between() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture(scope="module")
def browser(between: Wire) -> Iterator[Chromium]:
    with chromium(between.port) as window:
        yield window


@pytest.fixture(scope="module")
def project(browser: Chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The browser first: without one, no cluster is made."""
    del browser
    project = Project(tmp_path_factory.mktemp("shop"))
    chart = project.folder / "charts" / "objects"
    shutil.copytree(CHART, chart)
    project.write(nodeSelector={"no/such": "node"})
    (project.folder / "shop.yaml").write_text(json.dumps(STACK))
    (project.folder / "seeds").mkdir()
    (project.folder / "seeds" / "seeds.yaml").write_text(json.dumps(SEEDS))
    yield project
    with project.start("down", "shop.yaml") as down:
        down.communicate(timeout=120)


@pytest.fixture(scope="module")
def failed(project: Project, browser: Chromium, between: Wire) -> None:
    """A run that began before the page was opened, and failed while it was looked at."""
    with project.start("up", "shop.yaml", "--ui", "--patience", "1s", "--progress", "plain") as run:
        assert run.stderr is not None
        address = next(line for line in run.stderr if line.startswith("Page: ")).removeprefix("Page: ").strip()
        next(line for line in run.stderr if "start cluster" in line)
        browser.size(1920)

        # The server beside the run still starts: the address answers all the same.
        between.target = urlsplit(address).port or 0
        browser.driver.get(address.replace("127.0.0.1", "localhost"))
        browser.shows("a run goes on", "cluster")
        rest = run.stderr.read()
        assert run.wait(timeout=120) == 1, rest


def test_a_page_that_comes_late_shows_how_the_run_ends_and_why(failed: None, browser: Chromium) -> None:
    browser.shows("ended with exit code 1", "release/web/web", "release/after/after", "skipped")
    assert "token" not in browser.driver.current_url
    browser.shows("no node can run Pod")
    assert browser.run(OVERLAPS) == 0
    shown = browser.run("return [...document.querySelectorAll('#graph a')].map((link) => link.dataset.id)")
    assert {"cluster", "emulator", "seeds", "release/web/web", "release/after/after"} <= set(shown)


def test_why_a_release_is_not_ready_is_found_by_keyboard_alone(failed: None, browser: Chromium) -> None:
    browser.go("#/platform", "ended with exit code 1")
    browser.tab_to("Ready")
    browser.press(Keys.ENTER)
    browser.wait("not filtered", lambda: "release/web/web" not in rows(browser))
    browser.press(Keys.ENTER)
    browser.wait("still filtered", lambda: "release/web/web" in rows(browser))
    browser.tab_to("release/web/web")
    browser.press(Keys.ENTER)
    browser.shows("no node can run Pod", "Needed by", "release/after/after: HelmRelease after/after dependsOn web/web")
    browser.tab_to("Explain")
    browser.press(Keys.ENTER)
    browser.wait("not explained", lambda: browser.run("return document.activeElement.id") == "explained")
    assert "Available is False" in browser.run("return document.activeElement.innerText")


def test_every_page_shows_its_data_and_no_secret(failed: None, browser: Chromium) -> None:
    browser.go("#/part/release%2Fweb%2Fweb", "Pods and their logs")
    for summary in ("Pods and their logs", "What up would change", "Values", "Manifest"):
        browser.tab_to(summary)
        browser.press(Keys.ENTER)
    browser.shows("1 pods, simulated", "Pending", "admin.password", HTML)
    browser.go("#/part/emulator", "Logs")
    browser.tab_to("Logs")
    browser.press(Keys.ENTER)
    browser.wait("no log", lambda: browser.run("return document.querySelector('pre')?.textContent"))
    browser.go("#/data", "4 unchanged", "orders", "users", "files", "db")
    browser.go("#/data/sqs/orders", f"first {HTML}", "second", "visible")
    browser.go("#/data/dynamodb/users", HTML, "***")
    browser.go("#/data/s3/files", "readme.txt")
    browser.tab_to("readme.txt")
    browser.press(Keys.ENTER)
    browser.shows(f"read {HTML}")
    browser.go("#/data/secretsmanager/db", "value", "***")
    assert SECRET not in browser.text()
    browser.tab_to("Show secrets")
    browser.press(Keys.ENTER)
    browser.shows(SECRET)
    browser.go("#/urls", "AWS", "http://127.0.0.1")
    browser.go("#/runs", "bootstrap up shop.yaml", "failed, exit code 1")
    browser.tab_to("up-")
    browser.press(Keys.ENTER)
    browser.shows("Its end had to wait for", "Critical path", "release/web/web", "no node can run Pod")
    browser.go("#/machine", "python", "memory")
    assert SECRET not in browser.text()
    assert "attacked" not in browser.driver.title


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1920, False)])
def test_no_page_is_wider_than_its_window_or_violates_a_rule_of_accessibility(
    failed: None, project: Project, browser: Chromium, rules: str, width: int, dark: bool
) -> None:
    browser.size(width, dark=dark)
    pages = {
        "#/platform": "ended with exit code",
        "#/part/release%2Fweb%2Fweb": "Needed by",
        "#/data": "4 unchanged",
        "#/data/sqs/orders": "second",
        "#/urls": "AWS",
        "#/runs": "failed, exit code 1",
        f"#/runs/{max(project.state.logs.glob('up-*.events.jsonl')).name.partition('.')[0]}": "Critical path",
        "#/machine": "memory",
    }
    violations: dict[str, Any] = {}
    for page, text in pages.items():
        browser.go(page, text)
        browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        browser.wait("still reading", lambda: "Reading" not in browser.text())
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), page
        assert browser.run(OUTSIDE) == [], page
        browser.run(rules)
        found = browser.driver.execute_async_script(
            "axe.run().then((found) => arguments[0](found.violations.map((each) => [each.id, each.nodes[0].html])))"
        )
        violations |= {page: found} if found else {}
    browser.size(1920)
    assert violations == {}


def test_a_large_platform_has_few_elements(failed: None, browser: Chromium) -> None:
    browser.driver.set_script_timeout(60)
    elements, last = browser.driver.execute_async_script(
        """
        const done = arguments[0];
        import("/static/list.js").then(({ virtual }) => {
          const rows = Array.from({ length: 5000 }, (_, number) => [`pod-${number}`, "apps", "1/1", "Running"]);
          const list = virtual("Pods", ["Name", "Namespace", "Ready", "Status"], rows);
          document.querySelector("main").append(list);
          list.scrollTop = list.scrollHeight;
          list.addEventListener("scroll", () => requestAnimationFrame(() => requestAnimationFrame(() => {
            done([list.querySelectorAll("*").length, list.lastChild.lastChild.textContent]);
            list.remove();
          })), { once: true });
        });
        """
    )
    assert elements < 300
    assert "pod-4999" in last
    nodes = browser.driver.execute_async_script(
        """
        const done = arguments[0];
        Promise.all([import("/static/graph.js"), import("/static/store.js")]).then(([{ Graph }, { groupOf }]) => {
          const steps = [{ id: "cluster", needs: [], state: "up" }];
          for (let number = 0; number < 200; number += 1) {
            steps.push({ id: `crds/ns/${number}`, needs: ["cluster"], state: "done" });
            steps.push({ id: `release/ns/${number}`, needs: [`crds/ns/${number}`, "cluster"], state: "not ready" });
          }
          const holder = document.createElement("div");
          holder.id = "graph";
          document.querySelector("main").replaceChildren(holder);
          new Graph(holder).draw(steps, groupOf);
          done(holder.querySelectorAll("a").length);
        });
        """
    )
    assert nodes == 401
    assert browser.run(OVERLAPS) == 0


def test_an_action_by_keyboard_and_a_reconnect_to_the_restarted_run(
    failed: None, project: Project, browser: Chromium, between: Wire
) -> None:
    project.write()
    browser.go("#/platform", "Actions")
    browser.tab_to("Bring up as declared")
    browser.press(Keys.ENTER)
    browser.shows("What bootstrap up", "release/web/web")
    browser.tab_to("Start")
    browser.press(Keys.ENTER)
    browser.shows("Started")
    browser.wait("it did not begin", lambda: len([*project.state.logs.glob("up-*.events.jsonl")]) == 2)
    browser.press(Keys.ESCAPE)
    between.cut()
    browser.shows("connection lost")
    newest = max(project.state.logs.glob("up-*.events.jsonl"))
    browser.wait("it does not end", lambda: '"run_finished"' in newest.read_text())
    between.restore()
    browser.shows("ended with exit code 0", "Failed 0", "Left out 0", "simulated, in sync")
    assert "release/after/after" in rows(browser)
    assert not [line for line in browser.messages() if "Security Policy" in line or "Uncaught" in line]


def test_the_server_ends_with_the_stack(failed: None, project: Project, browser: Chromium) -> None:
    state = project.state
    address = served_address(state)
    assert address is not None
    assert state.ui.stat().st_mode & 0o077 == 0
    assert address.token not in "".join(file.read_text(errors="replace") for file in state.logs.rglob("*.*l*"))
    with project.start("down", "shop.yaml") as down:
        down.communicate(timeout=120)
    browser.shows("connection lost")
    browser.wait("the server stays", lambda: not Path(f"/proc/{address.pid}").exists())


def rows(browser: Chromium) -> str:
    return str(browser.run("return document.querySelector('main tbody').innerText"))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rules of axe-core, from the registry that npm is configured for."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("needs npm, which fetches axe-core")
    packed = subprocess.run(
        [npm, "pack", "--silent", "axe-core@4.14.1"], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"npm cannot fetch axe-core: {packed.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        text = member.read().decode()
    assert re.match(r"/\*! axe v4", text)
    return text
