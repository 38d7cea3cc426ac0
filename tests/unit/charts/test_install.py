"""Installs against an API server in memory and a helm that writes its records there."""

import json
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.charts.archive import read_archive
from bootstrap.charts.charts import HelmCharts
from bootstrap.charts.template_queries import folder_apis
from bootstrap.errors import DeadlineError, InvalidError, RefusedError, StepFailedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import PreparedRelease, Probe
from bootstrap.model.release import LocalChart, Release, RepositoryChart, ValuesFrom
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Finished
from bootstrap.system.work import Work
from bootstrap.yamltext.kubernetes import load_all
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses, failed, ok
from fakes.programs import GivenPrograms

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.dev"},
    "spec": {
        "group": "example.dev",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": "v1", "served": True}],
    },
}
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.dev"
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}


def template_of(command: Command) -> str:
    """The template of the chart that helm is asked to render."""
    return read_archive(Path(command.argv[3]).read_bytes(), "").files.get("templates/a.yaml", b"").decode()


def record(number: int, name: str = "app") -> str:
    return f"/api/v1/namespaces/web/secrets/sh.helm.release.v1.{name}.v{number}"


@dataclass
class Stage:
    """A stack's charts, one release, and what helm does."""

    folder: Path
    api: FakeKubeApi
    helm_version: str = "4.1.4"
    rendered: list[dict[str, Any]] = field(default_factory=lambda: [SETTINGS])
    outcomes: list[Finished] = field(default_factory=list)
    """What the next runs of `helm upgrade` end with; then they succeed."""
    said: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    """What helm was given as templates/a.yaml, one for each time that it rendered."""

    def __post_init__(self) -> None:
        """Script helm."""
        self.processes = FakeProcesses(
            {
                "helm template": self._template,
                "helm upgrade": self._upgrade,
                "helm rollback": ok(),
                "helm uninstall": ok(),
                "helm test": ok(),
            }
        )
        chart = self.folder / "chart"
        chart.mkdir(exist_ok=True)
        (chart / "Chart.yaml").write_text("name: app\nversion: 1.0.0\n")
        self.release = Release(
            namespace="flux",
            name="app",
            release_name="app",
            target_namespace="web",
            chart=LocalChart(path=chart),
            values={"a": 1},
            timeout=timedelta(seconds=30),
        )
        self.kube: KubeContext = self.api.context(self.folder)

    def _template(self, command: Command) -> Finished:
        self.templates.append(template_of(command))
        return ok("\n---\n".join(json.dumps(manifest) for manifest in self.rendered))

    @property
    def charts(self) -> HelmCharts:
        return HelmCharts(
            programs=GivenPrograms(
                paths={"helm": Path("/bin/helm"), "kubectl": Path("/bin/kubectl")}, versions={"helm": self.helm_version}
            ),
            processes=self.processes,
            cache=self.folder / "cache",
            state=StatePaths(folder=self.folder / "state"),
            kube_version="1.34.4",
            mirrors={},
        )

    def prepared(self, token: CancelToken, **changes: Any) -> PreparedRelease:
        release = replace(self.release, **changes)
        return self.charts.prepare([release], token)[release.id]

    def install(self, token: CancelToken, **changes: Any) -> str:
        return self.charts.install(self.prepared(token, **changes), self.kube, Work(token, self.said.append))

    def upgrades(self) -> list[Command]:
        return [command for command in self.processes.commands if command.argv[1] == "upgrade"]

    def revision(self, number: int, status: str, *, ours: bool = True) -> None:
        labels = {"owner": "helm", "name": "app", "status": status, "version": str(number)}
        if ours:
            labels["bootstrap.dev/applied"] = "old.old.old"
        self.api.put(record(number), {"metadata": {"labels": labels}})

    def _upgrade(self, command: Command) -> Finished:
        number = 1 + sum("sh.helm.release" in path for path in self.api.objects)
        succeeded = ok(json.dumps({"manifest": json.dumps(SETTINGS), "version": number}))
        outcome = self.outcomes.pop(0) if self.outcomes else succeeded
        words = command.argv
        parts = dict(pair.split("=", 1) for pair in words[words.index("--labels") + 1].split(","))
        status = "failed" if outcome.returncode else "deployed"
        labels = {"owner": "helm", "name": "app", "status": status, "version": str(number), **parts}
        self.api.put(record(number), {"metadata": {"labels": labels}})
        if not outcome.returncode:
            self.api.put("/api/v1/namespaces/web/configmaps/c", SETTINGS)
        return outcome


@pytest.fixture
def stage(tmp_path: Path, kube_api: FakeKubeApi) -> Stage:
    return Stage(tmp_path, kube_api)


def test_installed_then_known_as_such(stage: Stage, token: CancelToken) -> None:
    assert stage.install(token) == "installed, app 1.0.0"
    observed = stage.charts.observe(stage.kube, token)["web/app"]
    assert (observed.status, observed.owner) == ("deployed", "flux/app")
    assert observed.fingerprint == stage.prepared(token).fingerprint


def test_values_are_never_in_the_command_line(stage: Stage, token: CancelToken) -> None:
    stage.install(token, values={"password": "hunter2"})
    [command] = stage.upgrades()
    assert "hunter2" not in str(command)
    file = Path(command.argv[command.argv.index("--values") + 1])
    assert json.loads(file.read_text()) == {"password": "hunter2"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_helm_is_journalled_and_asked_to_stop_by_sigint(stage: Stage, token: CancelToken) -> None:
    stage.install(token)
    [command] = stage.upgrades()
    assert command.recorded
    assert command.polite.name == "SIGINT"
    assert command.env is not None
    assert command.env["KUBECONFIG"] == os.devnull


@pytest.mark.parametrize(
    ("version", "flag", "there"),
    [
        ("3.17.3", "--force-conflicts", False),
        ("4.1.4", "--force-conflicts", True),
        ("5.0.0", "--server-side=true", True),
    ],
)
def test_dialects(stage: Stage, token: CancelToken, version: str, flag: str, there: bool) -> None:
    stage.helm_version = version
    stage.install(token)
    assert (flag in stage.upgrades()[0].argv) is there


@pytest.mark.parametrize(
    ("version", "flags"), [("3.17.3", {"--force"}), ("4.1.4", {"--server-side=false", "--force-replace"})]
)
def test_forced_releases_replace_what_cannot_be_changed(
    stage: Stage, token: CancelToken, version: str, flags: set[str]
) -> None:
    stage.helm_version = version
    stage.install(token, force=True)
    words = set(stage.upgrades()[0].argv)
    assert flags <= words
    assert "--force-conflicts" not in words


def test_post_renderer_is_a_program_for_helm_3_and_a_plugin_for_helm_4(stage: Stage, token: CancelToken) -> None:
    stage.processes.answers = {**stage.processes.answers, "kubectl kustomize": ok(json.dumps(SETTINGS))}
    lines = []
    for version in ("3.17.3", "4.1.4"):
        stage.helm_version = version
        stage.install(token, common_metadata={"labels": {"a": version}})
        words = stage.upgrades()[-1].argv
        lines.append(words[words.index("--post-renderer") + 1].rpartition("/")[2])
    assert lines == ["render.sh", "bootstrap-kustomize"]


def test_what_is_applied_but_never_was_ready_is_only_waited_for(stage: Stage, token: CancelToken) -> None:
    stage.install(token)
    labels = stage.api.objects[record(1)]["metadata"]["labels"]
    labels["bootstrap.dev/fingerprint"] = "pending"
    assert stage.charts.observe(stage.kube, token)["web/app"].status == "deployed, not ready"
    assert stage.install(token) == "ready, app 1.0.0"
    assert len(stage.upgrades()) == 1
    assert stage.charts.observe(stage.kube, token)["web/app"].status == "deployed"


@pytest.mark.parametrize(
    ("history", "kept"),
    [
        (["pending-install"], []),
        (["failed"], []),
        (["failed", "pending-upgrade"], []),
        (["deployed", "pending-upgrade"], [1]),
        (["deployed", "pending-rollback"], [1]),
        (["superseded", "uninstalling"], []),
        (["deployed", "failed"], [1, 2]),
    ],
)
def test_healed_before_helm_runs(stage: Stage, token: CancelToken, history: list[str], kept: list[int]) -> None:
    for number, status in enumerate(history, start=1):
        stage.revision(number, status)
    stage.install(token)
    deleted = {path.rpartition(".v")[2] for path in stage.api.requests if path.startswith("DELETE")}
    assert deleted == {str(number) for number in range(1, len(history) + 1)} - {str(number) for number in kept}


def test_release_of_someone_else_is_refused(stage: Stage, token: CancelToken) -> None:
    stage.revision(1, "deployed", ours=False)
    with pytest.raises(RefusedError, match="release web/app exists and was not installed by this stack"):
        stage.install(token)
    with pytest.raises(RefusedError, match="not installed by this stack"):
        stage.charts.apply_crds(stage.prepared(token), stage.kube, Work(token, stage.said.append))
    with pytest.raises(RefusedError, match="not installed by this stack"):
        stage.charts.uninstall("web", "app", stage.kube, Work(token, stage.said.append))
    assert stage.upgrades() == []
    assert stage.charts.observe(stage.kube, token)["web/app"].fingerprint is None


def test_a_release_of_another_stack_on_the_same_cluster_is_that_stacks(stage: Stage, token: CancelToken) -> None:
    stage.install(token)
    (labels,) = [
        secret["metadata"]["labels"] for path, secret in stage.api.objects.items() if "sh.helm.release" in path
    ]
    assert labels["bootstrap.dev/owner"] == "state"
    labels["bootstrap.dev/owner"] = "theirs"
    observed = stage.charts.observe(stage.kube, token)["web/app"]
    assert (observed.fingerprint, observed.owner) == (None, None)
    with pytest.raises(RefusedError, match="not installed by this stack"):
        stage.install(token)
    with pytest.raises(RefusedError, match="not installed by this stack"):
        stage.charts.uninstall("web", "app", stage.kube, Work(token, stage.said.append))


def test_a_namespace_that_a_release_asks_for_carries_the_stacks_label(stage: Stage, token: CancelToken) -> None:
    stage.install(token, create_namespace=True)
    assert stage.api.objects["/api/v1/namespaces/web"]["metadata"]["labels"] == {"bootstrap.dev/owner": "state"}
    stage.api.objects["/api/v1/namespaces/web"]["metadata"]["labels"] = {}
    stage.install(token, create_namespace=True, values={"a": 2})
    assert stage.api.objects["/api/v1/namespaces/web"]["metadata"]["labels"] == {}


def test_another_cluster_is_never_written_to(stage: Stage, token: CancelToken) -> None:
    stage.kube = replace(stage.kube, uid="meant")
    with pytest.raises(RefusedError, match="another cluster answers"):
        stage.install(token)
    assert stage.upgrades() == []


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ('no matches for kind "Widget" in version "example.dev/v1"', "add the chart that defines it"),
        (
            'ConfigMap "c" in namespace "web" exists and cannot be imported',
            "does not belong to this release",
        ),
        ("values don't meet the specifications of the schema(s)", "correct spec.values of flux/app"),
        ('namespaces "web" not found', "set install.createNamespace of flux/app"),
        ("failed post-install: 1 error occurred: job hook failed: BackoffLimitExceeded", "a hook of the chart failed"),
        (
            'conversion webhook for example.dev/v1, Kind=Widget failed: Post "https://10.0.0.1/": no route',
            "conversion webhook of example.dev/v1, Kind=Widget does not answer",
        ),
        (
            "conversion webhook for example.dev/v1, Kind=Widget failed: no size",
            "conversion webhook of example.dev/v1, Kind=Widget fails",
        ),
    ],
)
def test_failures_say_what_to_do(stage: Stage, token: CancelToken, words: str, fix: str) -> None:
    stage.outcomes = [failed(1, f"Error: UPGRADE FAILED: {words}")]
    with pytest.raises(StepFailedError, match="helm could not install release web/app") as raised:
        stage.install(token)
    assert fix in (raised.value.fix or "")
    assert words in raised.value.evidence[0]
    assert (raised.value.command or "").startswith("/bin/helm upgrade --install app")


def test_its_namespace_is_there_before_helm_and_what_helm_notes_stays_with_the_stack(
    stage: Stage, token: CancelToken
) -> None:
    stage.install(token, create_namespace=True)
    [upgrade] = stage.upgrades()
    assert "--create-namespace" not in upgrade.argv
    assert stage.api.objects["/api/v1/namespaces/web"]["metadata"]["labels"] == {"bootstrap.dev/owner": "state"}
    assert upgrade.env is not None
    assert Path(upgrade.env["KUBECACHEDIR"]).is_relative_to(stage.folder / "state")


def test_retries(stage: Stage, token: CancelToken) -> None:
    stage.outcomes = [failed(1, "Error: no"), failed(1, "Error: no")]
    assert stage.install(token, retries=2) == "installed, app 1.0.0"
    assert len(stage.upgrades()) == 3


def test_failed_upgrade_rolls_back_if_asked(stage: Stage, token: CancelToken) -> None:
    stage.revision(1, "deployed")
    stage.outcomes = [failed(1, "Error: no")]
    with pytest.raises(StepFailedError):
        stage.install(token, rollback=True)
    assert [command.argv[1] for command in stage.processes.commands][-1] == "rollback"


@pytest.mark.parametrize("new", [True, False])
def test_its_webhooks_are_tried_in_the_namespace_where_they_will_be_called(
    stage: Stage, token: CancelToken, new: bool
) -> None:
    """In one that is not there, the API server asks no webhook about anything."""
    probe = Probe(webhook="w", manifest=SETTINGS, namespace="later", new_namespace=new)
    prepared = replace(stage.prepared(token), probes=(probe,))
    stage.charts.install(prepared, stage.kube, Work(token, stage.said.append))
    namespace = stage.api.objects.get("/api/v1/namespaces/later")
    assert (namespace is not None) is new
    if namespace is not None:
        assert namespace["metadata"]["labels"] == {"bootstrap.dev/owner": "state"}


def test_webhook_that_cannot_be_called_yet_is_no_failure(stage: Stage, token: CancelToken) -> None:
    unanswered = failed(1, 'Error: Internal error occurred: failed calling webhook "w": no endpoints')
    stage.outcomes = [unanswered, unanswered]
    assert stage.install(token) == "installed, app 1.0.0"
    assert "waiting for a webhook that does not answer yet" in stage.said


def test_webhook_that_never_answers_ends(stage: Stage, token: CancelToken) -> None:
    stage.outcomes = [failed(1, 'Error: failed calling webhook "w": no endpoints') for _ in range(60)]
    with pytest.raises(StepFailedError) as raised:
        stage.install(token)
    assert "webhook w does not answer" in (raised.value.fix or "")
    assert 60 <= token.clock.monotonic() < 70


def test_deadline_of_helm_is_told_with_its_command(stage: Stage, token: CancelToken) -> None:
    def hang(command: Command) -> Finished:
        raise DeadlineError("helm for release flux/app was not done within 35s")

    answers: dict[str, Finished | Callable[[Command], Finished]] = {**stage.processes.answers, "helm upgrade": hang}
    stage.processes.answers = answers
    with pytest.raises(DeadlineError, match="helm for release flux/app") as raised:
        stage.install(token)
    assert (raised.value.command or "").startswith("/bin/helm upgrade")


def test_tests_of_the_chart(stage: Stage, token: CancelToken) -> None:
    answers: dict[str, Finished | Callable[[Command], Finished]] = {
        **stage.processes.answers,
        "helm test": failed(1, "Error: test failed"),
    }
    stage.processes.answers = answers
    with pytest.raises(StepFailedError, match="helm could not test release web/app"):
        stage.install(token, run_tests=True)
    assert stage.install(token, run_tests=True, ignore_test_failures=True) == "ready, app 1.0.0"


def test_definitions_of_templates_carry_helms_own_marks(stage: Stage, token: CancelToken) -> None:
    stage.rendered = [CRD, SETTINGS]
    assert stage.charts.apply_crds(stage.prepared(token), stage.kube, Work(token, stage.said.append)) == 1
    metadata = stage.api.objects[CRD_PATH]["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert metadata["annotations"] == {
        "meta.helm.sh/release-name": "app",
        "meta.helm.sh/release-namespace": "web",
    }


def test_definition_of_another_release_is_taken_over_unless_the_release_forbids_it(
    stage: Stage, token: CancelToken
) -> None:
    other = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "else"}
    metadata = {"name": "widgets.example.dev", "annotations": other}
    stage.api.put(CRD_PATH, {**CRD, "metadata": metadata})
    path = "/api/v1/namespaces/else/secrets/sh.helm.release.v1.other.v1"
    stage.api.put(path, {"metadata": {"labels": {"owner": "helm", "name": "other", "version": "1"}}})
    stage.rendered = [CRD]
    refusing = stage.prepared(token, disable_take_ownership=True)
    with pytest.raises(StepFailedError, match=r"widgets\.example\.dev of flux/app belongs to release else/other"):
        stage.charts.apply_crds(refusing, stage.kube, Work(token, stage.said.append))
    prepared = stage.prepared(token)
    [note] = stage.charts.adoption_notes([prepared], (), stage.kube, token)
    assert note.text == ("release/flux/app adopts CustomResourceDefinition widgets.example.dev, of release else/other")
    assert stage.charts.apply_crds(prepared, stage.kube, Work(token, stage.said.append)) == 1
    assert stage.api.objects[CRD_PATH]["metadata"]["annotations"]["meta.helm.sh/release-name"] == "app"


def test_definition_of_a_release_that_is_gone_is_taken_over(stage: Stage, token: CancelToken) -> None:
    gone = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "else"}
    stage.api.put(CRD_PATH, {"metadata": {"annotations": gone}})
    stage.rendered = [CRD]
    assert stage.charts.apply_crds(stage.prepared(token), stage.kube, Work(token, stage.said.append)) == 1
    assert stage.api.objects[CRD_PATH]["metadata"]["annotations"]["meta.helm.sh/release-name"] == "app"


@pytest.mark.parametrize(
    ("there", "installed", "policies", "applied"),
    [
        (False, False, ("Create", "Skip"), True),
        (True, False, ("Create", "Skip"), False),
        (True, False, ("CreateReplace", "Skip"), True),
        (False, False, ("Skip", "Skip"), False),
        (True, True, ("Create", "Skip"), False),
        (False, True, ("Create", "Skip"), False),
        (False, True, ("Create", "Create"), True),
        (True, True, ("Create", "CreateReplace"), True),
    ],
)
def test_policies_for_definitions_of_crds(
    stage: Stage,
    token: CancelToken,
    there: bool,
    installed: bool,
    policies: tuple[str, str],
    applied: bool,
) -> None:
    if there:
        stage.api.put(CRD_PATH, CRD)
    if installed:
        stage.revision(1, "deployed")
    prepared = replace(stage.prepared(token, crds=policies[0], upgrade_crds=policies[1]), crds=(CRD,))
    stage.charts.apply_crds(prepared, stage.kube, Work(token, stage.said.append))
    assert (f"PATCH {CRD_PATH}" in stage.api.requests) is applied


def test_rendered_once(stage: Stage, token: CancelToken) -> None:
    stage.prepared(token)
    stage.prepared(token)
    stage.prepared(token, values={"a": 2})
    assert sum(command.argv[1] == "template" for command in stage.processes.commands) == 2


def test_chart_that_looks_for_a_definition_is_rendered_as_if_it_were_there(stage: Stage, token: CancelToken) -> None:
    stage.rendered = [CRD]
    template = stage.folder / "chart" / "templates" / "a.yaml"
    template.parent.mkdir()
    template.write_text('{{ .Capabilities.APIVersions.Has "example.dev/v1" }}')
    stage.prepared(token)
    assert ["(dict)" in text for text in stage.templates] == [True, False]


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"values": {"a": 2}}, 1), ({"common_metadata": {"labels": {}}}, 2), ({"target_namespace": "other"}, 2)],
)
def test_fingerprint_tells_what_changed(stage: Stage, token: CancelToken, changes: dict[str, Any], part: int) -> None:
    stage.processes.answers = {**stage.processes.answers, "kubectl kustomize": ok(json.dumps(SETTINGS))}
    before = (stage.prepared(token).fingerprint or "").split(".")
    after = (stage.prepared(token, **changes).fingerprint or "").split(".")
    assert [old != other for old, other in zip(before, after, strict=True)] == [number == part for number in range(3)]


def test_schema_violation_is_told_before_anything_is_made(stage: Stage, token: CancelToken) -> None:
    refused = failed(1, "Error: values don't meet the specifications of the schema(s) in the following chart(s):")
    answers: dict[str, Finished | Callable[[Command], Finished]] = {**stage.processes.answers, "helm template": refused}
    stage.processes.answers = answers
    failure = stage.prepared(token).failure
    assert failure is not None
    assert failure.what == "chart app 1.0.0 of flux/app cannot be rendered"
    assert "correct spec.values of flux/app" in (failure.fix or "")


def test_a_chart_folder_that_is_none_is_the_failure_of_its_release_alone(stage: Stage, token: CancelToken) -> None:
    (stage.folder / "empty").mkdir()
    broken = replace(stage.release, name="broken", chart=LocalChart(path=stage.folder / "empty"))
    prepared = stage.charts.prepare([broken, stage.release], token)
    assert "is not a chart: it has no Chart.yaml" in str(prepared["flux/broken"].failure)
    assert prepared["flux/app"].failure is None
    assert prepared["flux/app"].manifests is not None


def test_chart_that_is_not_here_is_to_be_pulled(stage: Stage, token: CancelToken) -> None:
    chart = RepositoryChart(url="https://charts.example.com", name="app")
    assert stage.prepared(token, chart=chart).chart_digest is None


def test_locked_refuses_what_the_lock_does_not_name(stage: Stage, token: CancelToken) -> None:
    charts = HelmCharts(
        programs=GivenPrograms(paths={}, versions={}),
        processes=stage.processes,
        cache=stage.folder / "cache",
        state=StatePaths(folder=stage.folder / "state"),
        kube_version="1.34.4",
        mirrors={},
        lock_file=stage.folder / "bootstrap.lock",
        locked=True,
    )
    release = replace(stage.release, chart=RepositoryChart(url="https://charts.example.com", name="app"))
    with pytest.raises(InvalidError, match="is not in the lock file"):
        charts.prepare([release], token)


def test_values_that_only_the_cluster_holds_are_installed_anew_when_they_change(
    stage: Stage, token: CancelToken
) -> None:
    where = "/api/v1/namespaces/flux/secrets/made"
    source = ValuesFrom(kind="Secret", name="made", values_key="v")
    stage.api.put(where, {"data": {"v": b64encode(b"a: 2").decode()}})
    stage.install(token, values_from=(source,))
    release = replace(stage.release, values_from=(source,))
    installed = stage.charts.observe(stage.kube, token)["web/app"].values_hash
    assert installed == stage.charts.values_hashes([release], stage.kube, token)["flux/app"] != ""
    assert stage.install(token, values_from=(source,)) == "ready, app 1.0.0"
    stage.api.put(where, {"data": {"v": b64encode(b"a: 3").decode()}})
    assert stage.charts.values_hashes([release], stage.kube, token)["flux/app"] != installed
    assert stage.install(token, values_from=(source,)) == "upgraded, app 1.0.0"
    assert len(stage.upgrades()) == 2


def test_one_install_reads_the_history_and_hashes_the_cluster_s_values_once(stage: Stage, token: CancelToken) -> None:
    where, reads = "/api/v1/namespaces/flux/secrets/made", Counter[str]()
    stage.api.fault = lambda method, path: reads.update([path.partition("?")[0]] if method == "GET" else [])
    source = ValuesFrom(kind="Secret", name="made", values_key="v")
    stage.api.put(where, {"data": {"v": b64encode(b"a: 1").decode()}})
    prepared = stage.prepared(token, values_from=(source,))
    for value in (b"a: 2", b"a: 3"):
        stage.api.put(where, {"data": {"v": b64encode(value).decode()}})
        reads.clear()
        stage.charts.install(prepared, stage.kube, Work(token, stage.said.append))
        assert reads["/api/v1/namespaces/web/secrets"] == 1, "the history"
        assert reads[where] == 2, "for the hash, and for the file of values that helm is given"
    stage.charts.install(prepared, stage.kube, Work(token, stage.said.append))
    assert (reads["/api/v1/namespaces/web/secrets"], reads[where]) == (2, 3), "installed already: the hash alone"
    marked = [stage.api.objects[record(number)]["metadata"]["labels"]["bootstrap.dev/fingerprint"] for number in (1, 2)]
    assert marked == [prepared.fingerprint] * 2


WIDGET = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.dev}
spec:
  group: example.dev
  names:
    kind: Widget
    plural: widgets
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
"""


def test_a_chart_that_asks_for_an_api_is_rendered_once_where_a_folder_of_definitions_tells_it(
    stage: Stage, token: CancelToken
) -> None:
    chart = stage.folder / "chart"
    (chart / "crds").mkdir()
    (chart / "crds" / "widgets.yaml").write_text(WIDGET)
    asking = stage.folder / "asking"
    (asking / "templates").mkdir(parents=True)
    (asking / "Chart.yaml").write_text("name: asking\nversion: 1.0.0\n")
    (asking / "templates" / "a.yaml").write_text('{{ .Capabilities.APIVersions.Has "example.dev/v1/Widget" }}')
    answers: dict[str, str] = {}

    def template(command: Command) -> Finished:
        answers[command.argv[2]] = template_of(command)
        return ok(f"# Source: app/crds/widgets.yaml\n{WIDGET}")

    stage.processes.answers = {**stage.processes.answers, "helm template": template}
    second = replace(stage.release, name="asking", release_name="asking", chart=LocalChart(path=asking))
    stage.charts.prepare([stage.release, second], token)
    yes = '{{ hasKey (dict "example.dev/v1/Widget" "") "example.dev/v1/Widget" }}'
    assert answers == {"app": "", "asking": yes}
    assert len(stage.processes.commands) == 2


def test_a_folder_of_definitions_that_is_switched_off_counts_for_nothing(stage: Stage, token: CancelToken) -> None:
    chart = stage.folder / "chart"
    for name in ("crds", "templates"):
        (chart / name).mkdir()
    (chart / "crds" / "widgets.yaml").write_text(WIDGET)
    (chart / "templates" / "a.yaml").write_text('{{ .Capabilities.APIVersions.Has "example.dev/v1" }}')
    stage.prepared(token)
    assert ["(dict)" in template for template in stage.templates] == [False, True]


@pytest.mark.parametrize("changes", [{"crds": "Skip"}, {"suspended": True}])
def test_definitions_that_do_not_come_into_the_cluster_count_for_nothing(
    stage: Stage, token: CancelToken, changes: dict[str, Any]
) -> None:
    chart = stage.folder / "chart"
    for name in ("crds", "templates"):
        (chart / name).mkdir()
    (chart / "crds" / "widgets.yaml").write_text(WIDGET)
    (chart / "templates" / "a.yaml").write_text('{{ .Capabilities.APIVersions.Has "example.dev/v1" }}')
    stage.prepared(token, **changes)
    assert ["(dict)" in template for template in stage.templates] == [True]


def test_templates_are_told_what_their_kubernetes_version_serves_and_the_repository_defines(
    stage: Stage, token: CancelToken
) -> None:
    (stage.folder / "chart" / "templates").mkdir()
    asked = ("policy/v1", "policy/v1beta1", "example.dev/v1")
    text = "".join(f'{{{{ .Capabilities.APIVersions.Has "{name}" }}}}' for name in asked)
    (stage.folder / "chart" / "templates" / "a.yaml").write_text(text)
    stage.charts.prepare([stage.release], token, definitions=load_all(WIDGET))
    [template] = stage.templates
    assert [f'(dict "{name}" "")' in template for name in asked] == [True, False, True]


def test_once_the_cluster_runs_templates_are_told_what_it_says_that_it_serves(stage: Stage, token: CancelToken) -> None:
    (stage.folder / "chart" / "templates").mkdir()
    text = '{{ .Capabilities.APIVersions.Has "live.dev/v1/Thing" }}{{ .Capabilities.APIVersions.Has "policy/v1" }}'
    (stage.folder / "chart" / "templates" / "a.yaml").write_text(text)
    stage.api.kinds["/apis/live.dev/v1"] = (("Thing", "things", True),)
    stage.api.version = "v1.33.9+k3s1"
    stage.charts.prepare([stage.release], token, kube=stage.kube)
    asked = '{{ hasKey (dict "live.dev/v1/Thing" "") "live.dev/v1/Thing" }}{{ hasKey (dict) "policy/v1" }}'
    assert stage.templates == [asked]
    [command] = stage.processes.commands
    assert command.argv[command.argv.index("--kube-version") + 1] == "v1.33.9+k3s1"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("crds/a.yaml", WIDGET, {"example.dev/v1", "example.dev/v1/Widget"}),
        ("charts/sub/crds/deep/a.yml", WIDGET, {"example.dev/v1", "example.dev/v1/Widget"}),
        (
            "crds/a.yaml",
            WIDGET.replace("  - name: v1\n    served", "    - served: true\n      name: v2\n      x"),
            {"example.dev/v2", "example.dev/v2/Widget"},
        ),
        (
            "crds/two.yaml",
            f"{WIDGET}---\n{WIDGET.replace('Widget', 'Gadget')}",
            {"example.dev/v1", "example.dev/v1/Widget", "example.dev/v1/Gadget"},
        ),
        ("templates/crds/a.yaml", WIDGET, set()),
        ("crds/a.yaml", WIDGET.replace("CustomResourceDefinition", "ConfigMap"), set()),
        ("crds/a.yaml", json.dumps({"kind": "CustomResourceDefinition"}), set()),
    ],
)
def test_what_folders_of_definitions_tell_at_once(path: str, text: str, expected: set[str]) -> None:
    assert folder_apis({path: text.encode()}) == expected


@pytest.mark.parametrize(("changes", "given"), [({}, True), ({"disable_take_ownership": True}, False)])
def test_what_is_there_is_taken_over_unless_the_release_forbids_it(
    stage: Stage, token: CancelToken, changes: dict[str, Any], *, given: bool
) -> None:
    stage.install(token, **changes)
    [command] = [candidate for candidate in stage.processes.commands if "upgrade" in candidate.argv]
    assert ("--take-ownership" in command.argv) is given


def test_the_plan_names_what_a_release_would_take_over(stage: Stage, token: CancelToken) -> None:
    path = "/api/v1/namespaces/web/configmaps/c"
    prepared = stage.prepared(token)
    assert stage.charts.adoption_notes([prepared], (), stage.kube, token) == []
    stage.api.put(path, SETTINGS)
    [note] = stage.charts.adoption_notes([prepared], (), stage.kube, token)
    assert note.text == "release/flux/app adopts ConfigMap web/c, which no release owns"
    marks = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "web"}
    stage.api.put(path, {**SETTINGS, "metadata": {"name": "c", "annotations": marks}})
    refusing = replace(prepared, release=replace(prepared.release, disable_take_ownership=True))
    [note] = stage.charts.adoption_notes([refusing], (), stage.kube, token)
    assert note.text.endswith(
        "will fail, because disableTakeOwnership forbids adopting ConfigMap web/c, of release web/other"
    )
    own = {"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": "web"}
    stage.api.put(path, {**SETTINGS, "metadata": {"name": "c", "annotations": own}})
    assert stage.charts.adoption_notes([prepared], (), stage.kube, token) == []


STUCK = 'Error: UPGRADE FAILED: ConfigMap "c" is invalid: data: Forbidden: field is immutable when `immutable` is set'


def test_what_can_only_be_replaced_is_refused_without_consent_in_the_api_server_s_words(
    stage: Stage, token: CancelToken
) -> None:
    stage.outcomes = [failed(1, f'level=WARN msg="upgrade failed"\n{STUCK}')]
    with pytest.raises(ReplacementNeededError, match="ConfigMap web/c: data cannot change") as refused:
        stage.install(token)
    assert refused.value.evidence == (STUCK,)
    assert "add to the same command: --allow-replace release/flux/app" in (refused.value.fix or "")


def test_with_consent_it_is_deleted_and_helm_runs_once_more(stage: Stage, token: CancelToken) -> None:
    path = "/api/v1/namespaces/web/configmaps/c"
    stage.api.put(path, SETTINGS)
    stage.outcomes = [failed(1, STUCK)]
    prepared = stage.prepared(token)
    stage.charts.install(prepared, stage.kube, Work(token), may_replace=True)
    assert f"DELETE {path}" in stage.api.requests
    assert sum("upgrade" in command.argv for command in stage.processes.commands) == 2


def test_what_a_chart_looks_up_is_seen_when_it_is_compared_with_the_cluster(stage: Stage, token: CancelToken) -> None:
    templates = stage.folder / "chart" / "templates"
    templates.mkdir()
    (templates / "a.yaml").write_text("plain: true\n")
    plain = stage.prepared(token)
    assert stage.charts.looked_up(plain, stage.kube, token) is plain
    (templates / "a.yaml").write_text('a: {{ lookup "v1" "Secret" "web" "pw" }}\n')
    stage.api.put("/version", {"gitVersion": "v1.34.4"})
    prepared = stage.prepared(token)
    stage.rendered = [{**SETTINGS, "data": {"kept": "yes"}}]
    live = stage.charts.looked_up(prepared, stage.kube, token)
    assert [manifest["data"] for manifest in live.manifests or ()] == [{"kept": "yes"}]
    asked = stage.processes.commands[-1].argv
    assert "--dry-run=server" in asked
    assert asked[asked.index("--kubeconfig") + 1] == str(stage.kube.kubeconfig)
