"""The arguments with which helm is run for a release, in one place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bootstrap.charts.cache import StoredChart
from bootstrap.charts.cluster_values import effective_values
from bootstrap.charts.helm import Helm
from bootstrap.charts.post_render import PostRendering, post_renderer
from bootstrap.kube.api import KubeApi
from bootstrap.kube.cause_timeout import Patience
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.model.kube import KubeContext, ObjectRef, is_named_by_server, ref_of
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Release
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, Finished
from bootstrap.system.work import Work

_WATCHDOG_SECONDS = 5.0
"""What helm may take beyond the timeout it was given, to say so itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The proven cluster that a release goes to, and how to report what happens there."""

    kube: KubeContext
    api: KubeApi
    work: Work
    stack: str
    """Whose releases they are."""
    patience: Patience = field(default_factory=Patience)
    """How long a cause that does not go away by itself is waited for."""


class Invocation:
    """helm's commands for releases; values and post renderers are laid out under `folder`."""

    def __init__(self, helm: Helm, post: PostRendering, folder: Path) -> None:
        self._helm = helm
        self._post = post
        self._folder = folder

    def run(self, command: Command, target: Target, limit: timedelta, what: str) -> Finished:
        """Run under a watchdog: helm's own timeout guards neither a hung API server nor one that never answers.

        Raises:
            CommandFailedError: helm failed.
            DeadlineError: neither it nor its timeout came to an end.
        """
        return self._helm.run(command, target.work.cancel.within(limit.total_seconds() + _WATCHDOG_SECONDS, what))

    def install(
        self,
        prepared: PreparedRelease,
        chart: StoredChart,
        target: Target,
        labels: Mapping[str, str],
        *,
        limit: timedelta,
        upgrade: bool,
    ) -> Command:
        """Install or upgrade, all values given again, its definitions left to us; `labels` for the new revision."""
        release = prepared.release
        renderer = post_renderer(release, prepared.manifests or (), dropped(prepared, target.kube))
        post, environment = self._post.flags(renderer, _file_name(release))
        return self._helm.command(
            *("upgrade", "--install", release.release_name, str(chart.file), *_where(release, target)),
            *("--values", str(self._values_file(release, target)), "--reset-values", "--skip-crds"),
            *("--timeout", _seconds(limit, target), "--history-max", str(release.max_history)),
            *("--labels", ",".join(f"{key}={value}" for key, value in labels.items())),
            *("--output", "json"),
            *_options(release, upgrade=upgrade),
            *self._way_to_apply(prepared),
            *post,
            recorded=True,
            environment={**environment, **self._own},
        )

    def _way_to_apply(self, prepared: PreparedRelease) -> tuple[str, ...]:
        dialect = self._helm.dialect
        if prepared.release.force:
            return dialect.forced
        generated = any(is_named_by_server(manifest) for manifest in prepared.manifests or ())
        return dialect.client_side if generated else dialect.install

    def other(self, verb: str, release: Release, target: Target, *options: str) -> Command:
        """`uninstall`, `rollback` or `test`."""
        return self._helm.command(
            *(verb, release.release_name, *_where(release, target)),
            *("--timeout", _seconds(release.timeout, target), *options),
            recorded=True,
            environment=self._own,
        )

    @property
    def _own(self) -> Mapping[str, str]:
        """What helm notes of a cluster: by its address, which the next cluster may have too; nothing of it in HOME."""
        return {"KUBECACHEDIR": str(self._folder / "discovery")}

    def _values_file(self, release: Release, target: Target) -> Path:
        """Values go by file: argv is seen by all users, and the command shown on failure can be pasted."""
        file = self._folder / f"{_file_name(release)}.values.json"
        write_whole(file, json.dumps(effective_values(release, target.api, target.work.cancel)).encode())
        return file


def _options(release: Release, *, upgrade: bool) -> Iterator[str]:
    # Never --create-namespace: it is there already, and helm would read the API's whole description to make it again.
    chosen: Mapping[str, bool] = {
        "--no-hooks": release.disable_hooks,
        "--disable-openapi-validation": release.disable_openapi_validation,
        "--skip-schema-validation": release.disable_schema_validation,
        "--cleanup-on-fail": release.cleanup_on_fail,
        "--take-ownership": not (release.upgrade_disable_take_ownership if upgrade else release.disable_take_ownership),
    }
    return (flag for flag, given in chosen.items() if given)


def dropped(prepared: PreparedRelease, kube: KubeContext) -> list[ObjectRef]:
    """Objects that are not installed where pods are simulated: they would break the API server's discovery."""
    return [ref_of(manifest) for manifest in prepared.manifests or () if kube.simulated and is_api_backend(manifest)]


def _where(release: Release, target: Target) -> tuple[str, ...]:
    return ("--namespace", release.target_namespace, "--kubeconfig", str(target.kube.kubeconfig))


def _file_name(release: Release) -> str:
    return f"{release.namespace}.{release.name}"


def _seconds(limit: timedelta, target: Target) -> str:
    """The limit, or what is left of the step's own."""
    remaining = target.work.cancel.remaining()
    seconds = limit.total_seconds() if remaining is None else min(limit.total_seconds(), remaining)
    return f"{max(1, int(seconds))}s"
