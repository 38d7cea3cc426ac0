"""Helm charts and releases of one stack: the port `Charts`, put together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from bootstrap.charts import crds
from bootstrap.charts.archive import read_archive
from bootstrap.charts.bundled_charts import load_charts, save_charts
from bootstrap.charts.cache import ChartStore, StoredChart
from bootstrap.charts.cluster_values import cluster_values_hash
from bootstrap.charts.fetch import ChartSources
from bootstrap.charts.helm import Helm
from bootstrap.charts.helm_arguments import Invocation, Target
from bootstrap.charts.install import install, uninstall
from bootstrap.charts.lockfile import ChartLock, LockedChart, lock_key, write_lock
from bootstrap.charts.ownership import foreign_objects, ownership_note
from bootstrap.charts.post_render import PostRendering
from bootstrap.charts.recovery import refuse_foreign
from bootstrap.charts.release_history import newest, revisions
from bootstrap.charts.render import Capabilities, Renders, api_versions, fingerprint
from bootstrap.charts.rendered_objects import Rendered
from bootstrap.charts.template_queries import is_concerned
from bootstrap.charts.unknown_values import unknown_values
from bootstrap.charts.value_paths import value_paths
from bootstrap.charts.workload_health import unready_releases
from bootstrap.errors import BootstrapError, InvalidError, Place, Problem, StepFailedError
from bootstrap.kube.cause_timeout import Patience
from bootstrap.kube.identity import Clusters
from bootstrap.kube.kubectl_yaml import Converter
from bootstrap.model.bundle import BundleItem
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.kubernetes_api import served_apis
from bootstrap.model.observed import PreparedRelease, ReleaseObserved
from bootstrap.model.release import Note, Release, RepositoryChart, UnknownValue
from bootstrap.model.stack import LockWriting, StatePaths
from bootstrap.plan.built_images import names_in, renderer_stage
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

_RENDERS_AT_ONCE = 4
_T = TypeVar("_T")
_Failure: TypeAlias = InvalidError | StepFailedError


class HelmCharts:
    """Charts by helm, 3.17 or newer."""

    def __init__(  # noqa: PLR0913 - wiring gives each by name, once
        self,
        *,
        programs: Programs,
        processes: Processes,
        cache: Path,
        state: StatePaths,
        kube_version: str,
        mirrors: Mapping[str, str],
        lock_file: Path | None = None,
        lock_writing: LockWriting = LockWriting.ALWAYS,
        locked: bool = False,
        patience: Patience | None = None,
        built: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`cache` is shared by all stacks; `locked` refuses charts that `lock_file` does not name.

        `built` gives what stands for images of the stack's own, by their names in charts.
        """
        self._built = built
        helm = Helm(programs, processes, cache / "helm")
        post = PostRendering(programs, processes, helm, state.folder / "helm")
        self._store = ChartStore(cache / "charts")
        self._sources = ChartSources(
            helm, processes, self._store, mirrors=mirrors, lock_file=lock_file, lock_writing=lock_writing
        )
        self._renders = Renders(helm, post, Converter(programs, processes), cache / "renders")
        self._invocation = Invocation(helm, post, state.folder / "helm")
        self._clusters = Clusters(processes)
        self._kube_version = kube_version
        self._lock_file = lock_file
        self._locked = locked
        self._patience = patience or Patience()
        self._stack = state.folder.name
        self._defined: frozenset[str] = frozenset()
        """What definitions add to the API, of all releases that were prepared so far."""
        self._live: dict[str, Capabilities] = {}
        """By the cluster's UID."""

    def prepare(
        self,
        releases: Sequence[Release],
        cancel: CancelToken,
        *,
        kube: KubeContext | None = None,
        definitions: Sequence[Manifest] = (),
    ) -> Mapping[str, PreparedRelease]:
        """See `Charts.prepare`.

        A chart that asks which APIs there are sees those of its Kubernetes version, or once the cluster is running
        those that it serves, and all definitions that go before it: those of the repository and of all charts.

        Raises:
            InvalidError: with `locked`, a reference that the lock file does not name.
        """
        prepared = self._prepare(releases, cancel, kube, definitions)
        references = self._built()
        rebuilt = [
            replace(each.release, post_renderers=(*each.release.post_renderers, renderer_stage(names, references)))
            for each in prepared.values()
            if references and (names := names_in(each.manifests or (), references))
        ]
        return {**prepared, **self._prepare(rebuilt, cancel, kube, definitions)} if rebuilt else prepared

    def _prepare(
        self,
        releases: Sequence[Release],
        cancel: CancelToken,
        kube: KubeContext | None,
        definitions: Sequence[Manifest],
    ) -> dict[str, PreparedRelease]:
        lock = self._sources.lock
        if self._locked:
            _refuse_unlocked(releases, lock)
        served = self._served(kube, cancel)
        charts = {release.id: _attempted(partial(self._sources.find, release, lock)) for release in releases}
        pairs = [(release, chart) for release in releases if isinstance(chart := charts[release.id], StoredChart)]
        own = frozenset(api_versions(definitions))
        guess = self._defined.union(own, *(chart.folder_apis for release, chart in pairs if _defines(release)))
        rendered = self._render_all(pairs, served.having(guess), cancel)
        whole = [(release, each) for release, _ in pairs if isinstance(each := rendered[release.id], Rendered)]
        self._defined |= own.union(*(api_versions(_installed_definitions(*pair)) for pair in whole))
        # Definitions of templates are known only now, and folders of charts that are switched off define nothing.
        wrong = (guess ^ self._defined) - frozenset(served.api_versions)
        again = [(release, chart) for release, chart in pairs if is_concerned(chart.asked_apis, wrong)]
        rendered |= self._render_all(again, served.having(self._defined), cancel)
        return {release.id: _prepared(release, charts[release.id], rendered.get(release.id)) for release in releases}

    def _served(self, kube: KubeContext | None, cancel: CancelToken) -> Capabilities:
        """What the cluster says that it serves, asked once; without one, what its version is known to serve."""
        if kube is None:
            return Capabilities(kube_version=self._kube_version, api_versions=tuple(served_apis(self._kube_version)))
        if kube.uid not in self._live:
            api = self._clusters.api(kube, cancel)
            version = api.get("/version", cancel)["gitVersion"]
            self._live[kube.uid] = Capabilities(kube_version=version, api_versions=api.served_apis(cancel))
        return self._live[kube.uid]

    def pull(self, release: Release, work: Work) -> str:
        """See `Charts.pull`."""
        return self._sources.pull(release, work).digest

    def observe(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, ReleaseObserved]:
        """See `Charts.observe`."""
        api = self._clusters.api(kube, cancel)
        unready = {} if kube.simulated else unready_releases(api, cancel)
        return {
            key: replace(revision.observed(self._stack), unready=unready.get(key, ""))
            for key, revision in newest(api, cancel).items()
        }

    def values_hashes(self, releases: Sequence[Release], kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """See `Charts.values_hashes`."""
        api = self._clusters.api(kube, cancel)
        return {release.id: cluster_values_hash(release, api, cancel) for release in releases if release.values_from}

    def adoption_notes(
        self, prepared: Sequence[PreparedRelease], upgraded: Collection[str], kube: KubeContext, cancel: CancelToken
    ) -> Sequence[Note]:
        """See `Charts.adoption_notes`."""
        api = self._clusters.api(kube, cancel)
        by_release = ((each.release, foreign_objects(each, api, cancel)) for each in prepared)
        return [
            ownership_note(release, foreign, upgrade=release.id in upgraded)
            for release, foreign in by_release
            if foreign
        ]

    def looked_up(self, prepared: PreparedRelease, kube: KubeContext, cancel: CancelToken) -> PreparedRelease:
        """See `Charts.looked_up`."""
        chart = None if prepared.chart_digest is None else self._store.find(prepared.chart_digest)
        if chart is None or not chart.lookups or prepared.failure is not None:
            return prepared
        served = self._served(kube, cancel).having(self._defined)
        rendered = self._renders.render_live(prepared.release, chart, served, kube.kubeconfig, cancel)
        return replace(prepared, manifests=(*rendered.objects, *rendered.hooks))

    def apply_crds(self, prepared: PreparedRelease, kube: KubeContext, work: Work) -> int:
        """See `Charts.apply_crds`.

        Raises:
            RefusedError: another cluster answers, or the release is not ours; nothing was written.
        """
        api = self._clusters.proven(kube, work.cancel)
        release = prepared.release
        history = revisions(release.target_namespace, release.release_name, api, work.cancel)
        refuse_foreign(release, history, self._stack)
        return crds.apply(prepared, api, work, installed=bool(history))

    def install(self, prepared: PreparedRelease, kube: KubeContext, work: Work, *, may_replace: bool = False) -> str:
        """See `Charts.install`.

        Raises:
            RefusedError: another cluster answers, or a release of this name is not ours.
            StepFailedError, DeadlineError: it failed, or took too long.
        """
        api = self._clusters.proven(kube, work.cancel)
        chart = None if prepared.chart_digest is None else self._store.find(prepared.chart_digest)
        if chart is None:
            raise StepFailedError(f"the chart of {prepared.release.id} is not in the cache", fix="run: bootstrap up")
        target = Target(kube=kube, api=api, work=work, stack=self._stack, patience=self._patience)
        return install(prepared, chart, self._invocation, target, may_replace=may_replace)

    def uninstall(self, namespace: str, release_name: str, kube: KubeContext, work: Work) -> None:
        """See `Charts.uninstall`.

        Raises:
            RefusedError: another cluster answers, or the release is not ours.
        """
        api = self._clusters.proven(kube, work.cancel)
        release = Release(
            namespace=namespace,
            name=release_name,
            release_name=release_name,
            target_namespace=namespace,
            chart=RepositoryChart(url="", name=release_name),
        )
        target = Target(kube=kube, api=api, work=work, stack=self._stack)
        uninstall(release, self._invocation, target)

    def unknown_values(self, prepared: PreparedRelease) -> tuple[UnknownValue, ...]:
        """The values of this release that its chart does not read; none while the chart is not in the cache."""
        chart = None if prepared.chart_digest is None else self._store.find(prepared.chart_digest)
        if chart is None:
            return ()
        return unknown_values(prepared.release.values, read_archive(chart.file.read_bytes(), str(chart.file)))

    def value_paths(self, prepared: PreparedRelease, key: str, value: object) -> tuple[str, ...]:
        """The values of this release, its chart's own among them, that hold `value` under `key`; see `value_paths`."""
        chart = None if prepared.chart_digest is None else self._store.find(prepared.chart_digest)
        if chart is None:
            return ()
        return value_paths(prepared.release.values, read_archive(chart.file.read_bytes(), str(chart.file)), key, value)

    def upgraded_lock(self, releases: Iterable[Release], work: Work) -> ChartLock:
        """What all chart references mean now; nothing is written but the cache."""
        charts: dict[str, LockedChart] = {}
        for release in releases:
            key = lock_key(release.chart)
            locked = self._sources.upgrade(release.chart, work)
            if key is not None and locked is not None:
                charts[key] = locked
        return ChartLock(charts=charts)

    def save(self, releases: Sequence[Release], folder: Path) -> Sequence[BundleItem]:
        """See `Charts.save`."""
        return save_charts(releases, self._sources, folder)

    def load(self, releases: Sequence[Release], folder: Path) -> None:
        """See `Charts.load`."""
        load_charts(releases, self._sources, self._store, folder)

    def upgrade_lock(self, releases: Iterable[Release], work: Work) -> None:
        """See `Charts.upgrade_lock`."""
        if self._lock_file is not None:
            write_lock(self._lock_file, self.upgraded_lock(releases, work))

    def _render_all(
        self, charts: Sequence[tuple[Release, StoredChart]], capabilities: Capabilities, cancel: CancelToken
    ) -> "dict[str, Rendered | _Failure]":
        def render(pair: tuple[Release, StoredChart]) -> Rendered | _Failure:
            return _attempted(partial(self._renders.render, *pair, capabilities, cancel))

        with ThreadPoolExecutor(max_workers=_RENDERS_AT_ONCE) as pool:
            rendered = list(pool.map(render, charts))
        return {release.id: each for (release, _), each in zip(charts, rendered, strict=True)}


def _attempted(act: Callable[[], _T]) -> "_T | _Failure":
    """What it gives, or what is wrong with this one release."""
    try:
        return act()
    except (InvalidError, StepFailedError) as error:
        return error


def _prepared(
    release: Release, chart: "StoredChart | _Failure | None", rendered: "Rendered | _Failure | None"
) -> PreparedRelease:
    if chart is None or isinstance(chart, BootstrapError):
        return PreparedRelease(release=release, failure=chart)
    prepared = PreparedRelease(
        release=release,
        chart_digest=chart.digest,
        fingerprint=fingerprint(release, chart),
        notes=tuple(_looks_up(release, chart)),
    )
    if rendered is None or isinstance(rendered, BootstrapError):
        return replace(prepared, failure=rendered)
    return replace(
        prepared,
        crds=_definitions(rendered),
        manifests=(*rendered.objects, *rendered.hooks),
    )


def _looks_up(release: Release, chart: StoredChart) -> Iterator[Note]:
    """A warning if a template asks the cluster: nothing is there while it is rendered, something when helm installs."""
    if chart.lookups:
        named = ", ".join(sorted(chart.lookups))
        text = f"release/{release.id}: its chart looks up {named} in the cluster, which render and plan do not see"
        yield Note(text=text, place=release.place, expected=True)


def _definitions(rendered: Rendered) -> tuple[Manifest, ...]:
    return (*rendered.folder_crds, *crds.template_crds(rendered.objects))


def _defines(release: Release) -> bool:
    """Whether the definitions in its chart's crds/ come into the cluster with it."""
    return not release.suspended and release.crds != "Skip"


def _installed_definitions(release: Release, rendered: Rendered) -> tuple[Manifest, ...]:
    """The definitions that are in the cluster once the release is installed."""
    if release.suspended:
        return ()
    return (*(rendered.folder_crds if _defines(release) else ()), *crds.template_crds(rendered.objects))


def _refuse_unlocked(releases: Iterable[Release], lock: ChartLock) -> None:
    problems = [
        Problem(place=release.place or Place(file=release.id), text=f"{key} is not in the lock file")
        for release in releases
        if (key := lock_key(release.chart)) is not None and key not in lock.charts
    ]
    if problems:
        raise InvalidError(problems, fix="run without --locked, and commit the lock file")
