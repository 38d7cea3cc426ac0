"""Measures how charts are installed against helm in a script, and helmfile where it is on PATH, all in one run.

Wall time says something on a quiet machine only; CPU, the tool's own and that of the cluster, on any. bootstrap waits
until each release is ready, so the others are measured twice: waiting as well, and not waiting.

task bench-charts                           40 small releases that this program makes
task bench-charts -- --charts FOLDER        each NAME-VERSION.tgz of a folder, with FOLDER/values-NAME.yaml if there
  … --values ENTRY --root DIR              with the values that this Flux entry gives a chart of that name
  … --provider kind                        on a real cluster, with pods that really start; needs its images
  … --rounds 2                             every other round the tools come in the opposite order
  … --not-waiting                          of the others only those that do not wait
task bench-charts -- --plan                 plan of a repository of 12 releases and 28 more objects
task bench-charts -- --race 30 STACK        cold ups of a stack with every core busy: how many fail

On Linux: clusters are embedded ones unless told otherwise. helm, kubectl and bootstrap are those on PATH. Cold means
that the cluster is empty and nothing is rendered or pulled yet; programs are there.
"""

import argparse
import contextlib
import heapq
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import yaml

from bootstrap.api import load_repo
from bootstrap.clusters.kwok.component_processes import marked_processes
from bootstrap.plan.emulator import chart_name
from bootstrap.system.sockets import free_port
from bootstrap.yamltext.kubernetes import load_all

_MADE_OF_CHARTS = frozenset({"renders", "charts", "helm"})
JOBS = 8
"""Steps that up performs at once unless told otherwise."""
TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {greeting: "{{ .Values.greeting }}"}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: app, image: "APP"}]}
"""


SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "measured", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "https://git.example.com/measured.git"},
}
RELEASES: Mapping[str, Any] = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "releases", "namespace": "flux-system"},
    "spec": {
        "interval": "1h",
        "path": "./releases",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "measured"},
    },
}


class ToolFailedError(Exception):
    """A command did not end well; what it said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A release to install: its name, its chart (folder or archive), its values."""

    name: str
    path: Path
    values: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """What the cluster is, and what runs there."""

    provider: str
    node: str
    app: str
    ports: tuple[int, int]

    @property
    def cluster(self) -> Mapping[str, object]:
        """As a stack declares it."""
        if self.provider == "kwok":
            return {"provider": "kwok"}
        return {"provider": "kind", "image": self.node, "ports": dict(zip(("http", "https"), self.ports, strict=True))}


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What a command took, its children's CPU with it, and the CPU of the cluster's processes meanwhile."""

    wall: float
    cpu: float
    cluster: float

    def __str__(self) -> str:
        """All of it, in seconds."""
        return f"{self.wall:7.2f} s wall  {self.cpu:7.2f} s CPU of its own  {self.cluster:7.2f} s of the cluster"


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-charts-") as folder:
        bench = Bench(Path(folder), _where(asked))
        if asked.race:
            bench.race(asked.race, asked.stack, asked.more)
        elif asked.plan:
            bench.plan()
        else:
            bench.compare(
                bench.given(asked.charts, asked.values, asked.root) if asked.charts else bench.small(asked.releases),
                rounds=asked.rounds,
                waiting=not asked.not_waiting,
            )


def _where(asked: argparse.Namespace) -> Where:
    ports = (free_port() or 0, free_port() or 0)
    return Where(provider=asked.provider, node=asked.node, app=asked.app, ports=ports)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=40, help="how many small releases [40]")
    parser.add_argument("--charts", type=Path, help="a folder of chart archives, instead of small releases")
    parser.add_argument("--values", type=Path, metavar="ENTRY", help="the Flux entry whose values the charts get")
    parser.add_argument("--root", type=Path, metavar="DIR", help="what the paths in ENTRY are relative to")
    parser.add_argument("--provider", choices=("kwok", "kind"), default="kwok", help="what the cluster is [kwok]")
    parser.add_argument(
        "--node", default="bootstrap-rig/node:v1.34.4", help="the image of kind's machines [%(default)s]"
    )
    parser.add_argument("--app", default="bootstrap-rig/http-echo:1.0.0", help="what pods run there [%(default)s]")
    parser.add_argument("--rounds", type=int, default=1, help="how often each tool is measured [1]")
    parser.add_argument("--not-waiting", action="store_true", help="leave out the other tools where they wait")
    parser.add_argument("--plan", action="store_true", help="measure plan alone")
    parser.add_argument("--race", type=int, default=0, metavar="ROUNDS", help="cold ups of STACK with every core busy")
    parser.add_argument("stack", nargs="?", default="dev")
    parser.add_argument("--more", nargs="*", default=[], metavar="OPTION", help="more options of up, without their --")
    return parser.parse_args()


class Bench:
    """Everything under one folder, but the caches that programs keep for all."""

    def __init__(self, folder: Path, where: Where) -> None:
        self._folder = folder
        self._where = where
        self._environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}

    def small(self, count: int) -> Sequence[Chart]:
        """A chart of three objects, and so many releases of it."""
        path = self._folder / "chart"
        (path / "templates").mkdir(parents=True)
        (path / "templates" / "all.yaml").write_text(TEMPLATE.replace("APP", self._where.app))
        (path / "values.yaml").write_text("greeting: hello\n")
        (path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
        return [Chart(name=f"app{number:02}", path=path) for number in range(count)]

    def given(self, folder: Path, entry: Path | None, root: Path | None) -> Sequence[Chart]:
        """The archives of a folder, each with its values."""
        declared = (
            {}
            if entry is None
            else {chart_name(release): release.values for release in load_repo(entry, root=root).releases}
        )
        charts = []
        for archive in sorted(folder.glob("*.tgz")):
            name = re.sub(r"-\d+\.\d+\.\d+.*$", "", archive.stem)
            values = folder / f"values-{name}.yaml"
            if name in declared:
                values = self._folder / f"values-{name}.yaml"
                values.write_text(json.dumps(declared[name]))
            values_file = values.resolve() if values.exists() else None
            charts.append(Chart(name=name, path=archive.resolve(), values=values_file))
        return charts

    def compare(self, charts: Sequence[Chart], *, rounds: int = 1, waiting: bool = True) -> None:
        """Bring the same releases into an empty running cluster with each tool, twice; print seconds and ratios."""
        print(f"{len(charts)} releases, {os.cpu_count()} cores")
        taken: dict[str, list[tuple[Taken, Taken]]] = {}
        tools = self._tools(charts, waiting=waiting)
        for number in range(rounds):
            for name in reversed(tools) if number % 2 else tools:
                with self._empty_cluster() as kubeconfig, _told(name):
                    self._forget()
                    print(f"load {os.getloadavg()[0]:.1f}: {name}", flush=True)
                    turns = [
                        self._taken(tools[name](kubeconfig, turn), kubeconfig.parent) for turn in ("cold", "second")
                    ]
                    taken.setdefault(name, []).append((turns[0], turns[1]))
                    self._tell(name, turns[0])
        _report(
            {
                name: (_middle([cold for cold, _ in runs]), _middle([again for _, again in runs]))
                for name, runs in taken.items()
            }
        )

    def _tell(self, name: str, cold: Taken) -> None:
        """Print what the numbers alone do not show."""
        if self._tries.exists():
            print(f"{name} raced on definitions of its charts: it was run again {self._tries.read_text()}")
            self._tries.unlink()
        if name == "bootstrap":
            print(overhead((self._folder / "cold.jsonl").read_text(), cold.wall))

    def _forget(self) -> None:
        """A cache without anything rendered or pulled, with the programs of the user's own."""
        own = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bootstrap"
        cache = self._folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        (cache / "bootstrap").mkdir(parents=True)
        for kept in own.iterdir() if own.exists() else ():
            if kept.name not in _MADE_OF_CHARTS:
                (cache / "bootstrap" / kept.name).symlink_to(kept)
        self._environment["XDG_CACHE_HOME"] = str(cache)

    def plan(self, releases: int = 12, others: int = 28, rounds: int = 5) -> None:
        """Seconds that plan takes once charts are rendered, with nothing there and with everything there."""
        entry = self._stack(self.small(releases))
        config_maps = {f"other{number:02}": _config_map(f"other{number:02}") for number in range(others)}
        part = {**RELEASES, "metadata": {"name": "others", "namespace": "flux-system"}}
        _write_folder(self._folder / "others", config_maps)
        _write_folder(
            self._folder / "some",
            {
                "source": SOURCE,
                "releases": RELEASES,
                "others": {**part, "spec": {**RELEASES["spec"], "path": "./others"}},
            },
        )
        try:
            self._planned("nothing there", entry, rounds)
            self._run(("bootstrap", "up", str(entry)))
            self._planned("everything there", entry, rounds)
        finally:
            self._run(("bootstrap", "down", str(entry)))

    def _planned(self, what: str, stack: Path, rounds: int) -> None:
        self._run(("bootstrap", "plan", str(stack)))
        seconds = []
        for _ in range(rounds):
            began = time.monotonic()
            self._run(("bootstrap", "plan", str(stack)))
            seconds.append(time.monotonic() - began)
        print(f"plan, {what}: median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")

    def race(self, rounds: int, stack: str, more: Sequence[str]) -> None:
        """Cold ups, and downs, with every core busy; shows what those that failed told, and counts them."""
        options, failures, seconds = (stack, *(f"--{option}" for option in more)), 0, []
        with _busy_cores():
            for number in range(1, rounds + 1):
                began = time.monotonic()
                try:
                    ended = self._run(("bootstrap", "up", *options), check=False)
                finally:
                    self._run(("bootstrap", "down", stack))
                seconds.append(time.monotonic() - began)
                failures += ended.returncode != 0
                print(f"{number:3}  exit {ended.returncode}  {seconds[-1]:6.1f} s  ({failures} failed)", flush=True)
                if ended.returncode != 0:
                    print(ended.stderr, flush=True)
        print(f"{failures} of {rounds} failed; slowest {max(seconds):.1f} s")

    def _tools(self, charts: Sequence[Chart], *, waiting: bool) -> dict[str, Callable[[Path, str], tuple[str, ...]]]:
        """By tool: kubeconfig and round → the command that installs everything."""
        stack = str(self._stack(charts))
        tools: dict[str, Callable[[Path, str], tuple[str, ...]]] = {
            "bootstrap": lambda _at, turn: ("bootstrap", "up", stack, "--events", str(self._folder / f"{turn}.jsonl")),
        }
        for wait in (True, False) if waiting else (False,):
            how = "waiting" if wait else "not waiting"
            tools[f"helm one by one, {how}"] = partial(_by_helm, self._script(charts, wait=wait))
            if which("helmfile"):
                tools[f"helmfile, {how}"] = partial(_by_helmfile, self._patient(), self._helmfile(charts, wait=wait))
        return tools

    def _stack(self, charts: Sequence[Chart]) -> Path:
        """The stack file of these releases; without any, that of the empty cluster."""
        entry = self._folder / ("some" if charts else "none")
        if charts:
            _write_folder(self._folder / "releases", {chart.name: self._release(chart) for chart in charts})
            _write_folder(entry, {"source": SOURCE, "releases": RELEASES})
        file = self._folder / f"{entry.name}.yaml"
        settings: dict[str, object] = {
            "apiVersion": "bootstrap.dev/v1",
            "kind": "Stack",
            "metadata": {"name": "measured"},
            "cluster": self._where.cluster,
            "emulator": False,
        }
        if charts:
            settings["source"] = {"root": ".", "path": entry.name}
        file.write_text(json.dumps(settings))
        return file

    def _release(self, chart: Chart) -> object:
        values = {} if chart.values is None else yaml.safe_load(chart.values.read_text())
        source = {"kind": "GitRepository", "name": "measured", "namespace": "flux-system"}
        return {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": chart.name, "namespace": chart.name},
            "spec": {
                "chart": {"spec": {"chart": self._unpacked(chart), "sourceRef": source}},
                "install": {"createNamespace": True},
                "interval": "1h",
                "values": values,
            },
        }

    def _unpacked(self, chart: Chart) -> str:
        """Its folder, as the repository names it."""
        if chart.path.is_dir():
            return f"./{chart.path.name}"
        unpacked = self._folder / "charts"
        unpacked.mkdir(exist_ok=True)
        self._run(("tar", "-xzf", str(chart.path), "-C", str(unpacked)))
        return f"./charts/{chart.name}"

    def _script(self, charts: Sequence[Chart], *, wait: bool) -> Path:
        """What most people write: one helm after the other."""
        lines = ["set -e"]
        for chart in charts:
            values = f" --values {chart.values}" if chart.values else ""
            where = f"--namespace {chart.name} --create-namespace{' --wait' if wait else ''}"
            lines.append(f"helm upgrade --install {chart.name} {chart.path} {where}{values} --kubeconfig $1 >/dev/null")
        file = self._folder / f"serial-{wait}.sh"
        file.write_text("\n".join(lines))
        return file

    def _helmfile(self, charts: Sequence[Chart], *, wait: bool) -> Path:
        """What its users write: `needs` where one chart uses the kinds of another, which it would race on."""
        needs = self._needs(charts)
        releases = [
            {
                "name": chart.name,
                "namespace": chart.name,
                "chart": str(chart.path),
                "values": [str(chart.values)] if chart.values else [],
                "needs": [f"{need}/{need}" for need in needs[chart.name]],
                # Else its differences want the kinds in the cluster before they are.
                "disableValidationOnInstall": True,
            }
            for chart in charts
        ]
        file = self._folder / f"helmfile-{wait}.yaml"
        # Not JSON: it looks for keys at the beginning of lines.
        file.write_text(yaml.safe_dump({"helmDefaults": {"wait": wait}, "releases": releases}))
        return file

    @property
    def _tries(self) -> Path:
        return self._folder / "tries"

    def _patient(self) -> Path:
        """Runs a command again where it failed, as people do; twice at most, all of it counts."""
        file = self._folder / "patient.sh"
        again = f'"$@" && exit 0; printf "x" >> {self._tries}'
        file.write_text(f'{again}; {again}; exec "$@"')
        return file

    def _needs(self, charts: Sequence[Chart]) -> Mapping[str, Sequence[str]]:
        """By chart the others that define a kind it uses."""
        if all(chart.path.is_dir() for chart in charts):
            return {chart.name: () for chart in charts}
        rendered = {chart.name: self._rendered(chart) for chart in charts}
        definer = {
            manifest["spec"]["names"]["kind"]: name
            for name, objects in rendered.items()
            for manifest in objects
            if manifest["kind"] == "CustomResourceDefinition"
        }
        used = {name: {manifest["kind"] for manifest in objects} for name, objects in rendered.items()}
        return {
            name: sorted({definer[kind] for kind in kinds if kind in definer} - {name}) for name, kinds in used.items()
        }

    def _rendered(self, chart: Chart) -> Sequence[Mapping[str, Any]]:
        values = ("--values", str(chart.values)) if chart.values else ()
        output = self._run(("helm", "template", chart.name, str(chart.path), "--include-crds", *values)).stdout
        return load_all(output)

    @contextlib.contextmanager
    def _empty_cluster(self) -> Iterator[Path]:
        stack = str(self._stack(()))
        try:
            self._run(("bootstrap", "up", stack))
            if self._where.provider == "kind":
                self._run(("bootstrap", "load", self._where.app, "--stack", stack))
            yield Path(self._run(("bootstrap", "kubeconfig", stack)).stdout.strip())
        finally:
            self._run(("bootstrap", "down", stack))

    def _taken(self, command: Sequence[str], state: Path) -> Taken:
        before, there, began = resource.getrusage(resource.RUSAGE_CHILDREN), _cluster_cpu(state), time.monotonic()
        self._run(command)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Taken(wall=wall, cpu=cpu, cluster=_cluster_cpu(state) - there)

    def _run(self, command: Sequence[str], *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        ended = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if check and ended.returncode != 0:
            raise ToolFailedError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}")
        return ended


def _by_helm(script: Path, kubeconfig: Path, _turn: str) -> tuple[str, ...]:
    return ("sh", str(script), str(kubeconfig))


def _by_helmfile(patient: Path, file: Path, kubeconfig: Path, turn: str) -> tuple[str, ...]:
    # apply looks for differences first: that is what it is for when run again.
    verb = ("sync",) if turn == "cold" or not _has_diff() else ("apply", "--suppress-diff")
    return ("env", f"KUBECONFIG={kubeconfig}", "sh", str(patient), "helmfile", "--file", str(file), "--quiet", *verb)


def _cluster_cpu(state: Path) -> float:
    """What the components of a stack's cluster have used so far."""
    ticks = 0
    for _, process in marked_processes(str(state / "cluster")):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _config_map(name: str) -> object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def _write_folder(folder: Path, objects: Mapping[str, object]) -> None:
    """A folder for kustomize."""
    folder.mkdir(exist_ok=True)
    for name, written in objects.items():
        (folder / f"{name}.json").write_text(json.dumps(written))
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": [f"{name}.json" for name in objects]}))


def overhead(events: str, wall: float) -> str:
    """How much longer a run took than its steps, as long as each took, on so many threads with nothing in between."""
    records = [json.loads(line) for line in events.splitlines()]
    [planned] = [record for record in records if record["type"] == "planned"]
    seconds = {record["step"]: record["seconds"] for record in records if record["type"] == "step_finished"}
    needed = makespan({step["id"]: step["needs"] for step in planned["steps"]}, seconds)
    [finished] = [record for record in records if record["type"] == "run_finished"]
    ran = (datetime.fromisoformat(finished["at"]) - datetime.fromisoformat(planned["at"])).total_seconds()
    return (
        f"steps need {needed:.2f} s; from plan to end {ran:.2f} s: engine overhead {ran / needed - 1:.1%}; "
        f"before the plan {wall - ran:.2f} s"
    )


def makespan(needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> float:
    """When the last step ends that is started in this order, JOBS at once, as soon as those it needs have ended."""
    now, waiting, running, over = 0.0, dict(needs), list[tuple[float, str]](), set[str]()
    while waiting or running:
        for step in [name for name, needed in waiting.items() if over.issuperset(needed)][: JOBS - len(running)]:
            del waiting[step]
            heapq.heappush(running, (now + seconds[step], step))
        now, ended = heapq.heappop(running)
        over.add(ended)
    return now


def _middle(runs: Sequence[Taken]) -> Taken:
    """The median of each."""
    columns = zip(*((run.wall, run.cpu, run.cluster) for run in runs), strict=True)
    wall, cpu, cluster = (statistics.median(column) for column in columns)
    return Taken(wall=wall, cpu=cpu, cluster=cluster)


def _report(taken: Mapping[str, tuple[Taken, Taken]]) -> None:
    ours = taken["bootstrap"]
    for turn, title in enumerate(("cold", "second run")):
        print(title)
        for name, both in taken.items():
            ratio = both[turn].wall / ours[turn].wall
            print(f"  {name:28} {both[turn]}   {ratio:5.2f} x bootstrap's wall")


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """A tool that fails is told of, and measured no further; ours ends the measurement."""
    try:
        yield
    except ToolFailedError as error:
        if name == "bootstrap":
            raise
        print(f"{name} failed: {error}")


def _has_diff() -> bool:
    listed = subprocess.run(("helm", "plugin", "list"), capture_output=True, text=True, check=False).stdout
    return "diff" in listed


@contextlib.contextmanager
def _busy_cores() -> Iterator[None]:
    busy = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
