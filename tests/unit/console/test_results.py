"""Results on standard output: plan, graph and status, as text and as JSON."""

import json

import pytest

from bootstrap.console.results.graph import graph_text
from bootstrap.console.results.plan import plan_json, plan_text
from bootstrap.console.results.status import status_json, status_text
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.event import Planned
from bootstrap.model.kube import ObjectRef
from bootstrap.model.status import Health, PartStatus, StatusReport, UrlStatus
from fakes.recorded_run import PLAN, UNCHANGED

PLAN_TEXT = """\
* cluster                   ensure cluster   not found
* seeds                     apply seeds      12 to create  (needs cluster)
* release/traefik/traefik   install release  new  (needs cluster)
  release/apps/redis        keep             unchanged  (needs cluster)
* release/apps/n8n          install release  values changed  (needs release/traefik/traefik, release/apps/redis)
* objects/flux-system/apps  install release  changed  (needs release/apps/n8n)
note: apps/n8n.yaml:7: interval has no meaning here
5 of 6 steps would change something (*)
"""

GRAPH_TEXT = """\
cluster
seeds
release/traefik/traefik
  after cluster: it is installed there (structure)
release/apps/redis
release/apps/n8n
  after release/traefik/traefik: Kustomization "apps" (dependsOn)
objects/flux-system/apps
"""

GRAPH_DOT = """\
digraph plan {
  rankdir=LR;
  node [shape=box];
  "cluster";
  "seeds";
  "release/traefik/traefik";
  "release/apps/redis";
  "release/apps/n8n";
  "objects/flux-system/apps";
  "cluster" -> "release/traefik/traefik" [label="it is installed there (structure)", style=bold];
  "release/traefik/traefik" -> "release/apps/n8n" [label="Kustomization \\"apps\\" (dependsOn)", style=solid];
}
"""

GRAPH_MERMAID = """\
flowchart LR
  s0["cluster"]
  s1["seeds"]
  s2["release/traefik/traefik"]
  s3["release/apps/redis"]
  s4["release/apps/n8n"]
  s5["objects/flux-system/apps"]
  s0 -->|"it is installed there (structure)"| s2
  s2 -->|"Kustomization #quot;apps#quot; (dependsOn)"| s4
"""


def test_the_plan_as_text() -> None:
    assert plan_text(PLAN) == PLAN_TEXT


def test_a_plan_that_changes_nothing() -> None:
    planned = UNCHANGED[1]
    assert isinstance(planned, Planned)
    assert plan_text(planned.plan) == "  cluster  keep  unchanged\nNothing to do: 1 step unchanged\n"


def test_the_plan_as_json() -> None:
    document = json.loads(plan_json(PLAN))
    assert "configuration" not in document
    assert (document["version"], document["changes"]) == (1, 5)
    assert document["steps"][1] == {
        "id": "seeds",
        "action": "apply_seeds",
        "needs": ["cluster"],
        "reason": "12 to create",
    }
    assert document["notes"] == [{"text": "interval has no meaning here", "place": "apps/n8n.yaml:7"}]


@pytest.mark.parametrize(("output", "shown"), [("text", GRAPH_TEXT), ("dot", GRAPH_DOT), ("mermaid", GRAPH_MERMAID)])
def test_the_graph(output: str, shown: str) -> None:
    assert graph_text(PLAN, output) == shown


def test_a_graph_of_another_form() -> None:
    with pytest.raises(ValueError, match="png"):
        graph_text(PLAN, "png")


N8N = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="apps", name="n8n")
REPORT = StatusReport(
    stack="dev",
    headline="stack dev on kwok: pods are simulated",
    parts=(
        PartStatus(name="cluster", health=Health.UP, detail="Kubernetes 1.34.4"),
        PartStatus(name="seeds", health=Health.UP),
        PartStatus(
            name="release/apps/n8n",
            health=Health.DOWN,
            detail="1 of 3 objects down",
            evidence=tuple(f"Pod apps/n8n-{number}: crashed" for number in range(7)),
            causes=(
                Cause(
                    kind=CauseKind.CRASH,
                    of=N8N,
                    object=N8N,
                    text="container main ends with exit code 3",
                    evidence=tuple(f"line {number}" for number in range(7)),
                    fix="its log shows why: kubectl logs n8n-0",
                    terminal=True,
                ),
            ),
        ),
        PartStatus(name="objects/apps/stores", health=Health.SIMULATED, detail="2 of 2 objects simulated"),
    ),
    urls=(
        UrlStatus(name="AWS", url="http://127.0.0.1:4566"),
        UrlStatus(name="grafana.localhost", url="http://grafana.localhost:8080"),
        UrlStatus(name="n8n.localhost", url="http://n8n.localhost:8080", problem="no ingress controller is installed"),
    ),
)

STATUS_TEXT = """\
stack dev on kwok: pods are simulated
  cluster              up         Kubernetes 1.34.4
  seeds                up
  release/apps/n8n     down       1 of 3 objects down
      Pod apps/n8n-0: crashed
      … 3 lines more …
      Pod apps/n8n-4: crashed
      Pod apps/n8n-5: crashed
      Pod apps/n8n-6: crashed
      container main ends with exit code 3
        line 0
        … 3 lines more …
        line 4
        line 5
        line 6
        Fix: its log shows why: kubectl logs n8n-0
        More: bootstrap explain release/apps/n8n
  objects/apps/stores  simulated  2 of 2 objects simulated
  AWS                http://127.0.0.1:4566
  grafana.localhost  http://grafana.localhost:8080
  n8n.localhost      not answered: no ingress controller is installed
2 up · 1 simulated · 1 down: bring up the rest with bootstrap up dev
"""


def test_status_as_text() -> None:
    assert status_text(REPORT) == STATUS_TEXT


def test_status_of_what_is_up() -> None:
    up = StatusReport(stack="dev", headline="stack dev on kind", parts=REPORT.parts[:1])
    assert status_text(up) == "stack dev on kind\n  cluster  up  Kubernetes 1.34.4\n1 up\n"
    assert status_text(StatusReport(stack="dev", headline="dev")) == "dev\nnothing is declared\n"


def test_status_as_json() -> None:
    document = json.loads(status_json(REPORT))
    assert (document["version"], document["stack"], document["up"]) == (1, "dev", False)
    assert (document["health"], document["declared"], document["differences"]) == ("down", "in sync", [])
    assert document["parts"][0] == {
        "name": "cluster",
        "health": "up",
        "declared": "in sync",
        "difference": None,
        "detail": "Kubernetes 1.34.4",
        "evidence": [],
        "causes": [],
    }
    (cause,) = document["parts"][2]["causes"]
    assert (cause["kind"], cause["of"], cause["terminal"]) == ("crash-loop", "Deployment apps/n8n", True)
    assert document["simulated"] == ["objects/apps/stores"]
    assert document["urls"][0] == {"name": "AWS", "url": "http://127.0.0.1:4566", "answers": True, "problem": ""}
    assert document["urls"][2]["answers"] is False


def test_a_plan_with_what_the_clusters_program_is_given() -> None:
    given = {"kind": "Cluster", "nodes": [{"role": "control-plane"}]}
    head = "configuration of the cluster:\n  kind: Cluster\n  nodes:\n  - role: control-plane\n"
    assert plan_text(PLAN, given) == head + PLAN_TEXT
    assert json.loads(plan_json(PLAN, given))["configuration"] == given
