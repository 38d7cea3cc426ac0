"""Renders charts without a cluster and remembers what came of it."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bootstrap.charts.cache import StoredChart
from bootstrap.charts.helm import Helm
from bootstrap.charts.post_render import PostRendering, post_renderer
from bootstrap.charts.record_limit import check_record
from bootstrap.charts.render_archive import archive_to_render
from bootstrap.charts.rendered_objects import Rendered, UnreadableTemplateError, classified, split
from bootstrap.errors import StepFailedError
from bootstrap.kube.kubectl_yaml import Converter
from bootstrap.model.release import Release
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, CommandFailedError

_SECONDS = 120.0
_PART_LENGTH = 20
_FORMAT = 2
"""Raise it when what is kept changes its form or its meaning."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a chart may ask of the cluster while it is rendered."""

    kube_version: str
    api_versions: tuple[str, ...] = ()
    """All that it serves: `group/version` and `group/version/Kind`."""

    def having(self, more: Collection[str]) -> "Capabilities":
        """With these served too."""
        return replace(self, api_versions=tuple(sorted({*self.api_versions, *more})))


class Renders:
    """`helm template`, once per chart, values and capabilities."""

    def __init__(self, helm: Helm, post: PostRendering, converter: Converter, folder: Path) -> None:
        self._helm = helm
        self._converter = converter
        self._post = post
        self._folder = folder

    def render(self, release: Release, chart: StoredChart, capabilities: Capabilities, cancel: CancelToken) -> Rendered:
        """The objects of a release; post renderers and common metadata applied, crds/ left as they are.

        Raises:
            StepFailedError: the chart, its schema or a patch refuses, with helm's own words; or helm could not keep it.
        """
        file = self._folder / f"{self._key(release, chart, capabilities)}.json"
        if (kept := _read(file)) is not None:
            return kept
        rendered = self._post_rendered(release, self._template(release, chart, capabilities, cancel), cancel)
        check_record(release, chart, rendered)
        kept_form = {
            "folder_crds": rendered.folder_crds,
            "objects": rendered.objects,
            "hooks": rendered.hooks,
        }
        write_whole(file, json.dumps(kept_form).encode())
        return rendered

    def render_live(
        self, release: Release, chart: StoredChart, capabilities: Capabilities, kubeconfig: Path, cancel: CancelToken
    ) -> Rendered:
        """As `render`, but `lookup` sees the cluster as helm's install does; never remembered.

        Raises:
            StepFailedError: as `render`.
        """
        seen = ("--dry-run=server", "--kubeconfig", str(kubeconfig))
        return self._post_rendered(release, self._template(release, chart, capabilities, cancel, *seen), cancel)

    def _template(
        self, release: Release, chart: StoredChart, capabilities: Capabilities, cancel: CancelToken, *more: str
    ) -> Rendered:
        within = cancel.within(_SECONDS, f"rendering {release.id}")
        try:
            with archive_to_render(chart, frozenset(capabilities.api_versions)) as file:
                command = self._template_command(release, file, capabilities, *more)
                text = self._helm.run(command, within).stdout.decode()
            return split(text, partial(self._converter.objects, cancel=within))
        except CommandFailedError as error:
            raise _refused(release, chart, error) from error
        except UnreadableTemplateError as error:
            raise StepFailedError(
                f"chart {chart.name} of {release.id} renders to text that is not YAML: {error}"
            ) from error

    def _template_command(self, release: Release, file: Path, capabilities: Capabilities, *more: str) -> Command:
        return self._helm.command(
            *("template", release.release_name, str(file), *more),
            *("--namespace", release.target_namespace, "--values", "-", "--include-crds"),
            *("--kube-version", capabilities.kube_version),
            *(("--skip-schema-validation",) if release.disable_schema_validation else ()),
            *(("--no-hooks",) if release.disable_hooks else ()),
            stdin=json.dumps(release.values).encode(),
        )

    def _post_rendered(self, release: Release, rendered: Rendered, cancel: CancelToken) -> Rendered:
        seen = (*rendered.objects, *(rendered.hooks if self._helm.dialect.hooks_rendered else ()))
        renderer = post_renderer(release, seen)
        name = hashlib.sha256(release.id.encode()).hexdigest()[:16]
        try:
            changed = self._post.render(renderer, seen, name, cancel)
        except CommandFailedError as error:
            raise StepFailedError(
                f"a post renderer of {release.id} failed{_at(release)}", evidence=error.evidence, command=error.command
            ) from error
        if not renderer.needed:
            return rendered
        again = classified(("", manifest) for manifest in changed)
        return Rendered(
            folder_crds=rendered.folder_crds,
            objects=again.objects,
            hooks=again.hooks if self._helm.dialect.hooks_rendered else rendered.hooks,
        )

    def _key(self, release: Release, chart: StoredChart, capabilities: Capabilities) -> str:
        return hashed(
            {
                "format": _FORMAT,
                "helm": self._helm.version,
                "kube": capabilities.kube_version,
                "apis": sorted(capabilities.api_versions) if chart.asked_apis else (),
                "release": fingerprint(release, chart),
            }
        )


def fingerprint(release: Release, chart: StoredChart) -> str:
    """All that decides what is installed, as `CHART.VALUES.SETTINGS`: it shows which of the three changed.

    What only the cluster holds counts by its name, not by its content. Short enough for a label.
    """
    settings = {
        "name": release.release_name,
        "namespace": release.target_namespace,
        "post": release.post_renderers,
        "common": release.common_metadata,
        "hooks": not release.disable_hooks,
    }
    values = {
        "values": release.values,
        "inline": release.inline_values if release.values_from else None,
        "from": [asdict(source) for source in release.values_from],
    }
    return ".".join(hashed(part)[:_PART_LENGTH] for part in ({"chart": chart.digest}, values, settings))


def hashed(parts: Mapping[str, Any]) -> str:
    """A hash of JSON values, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def api_versions(crds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What these definitions add to a cluster's API, as `helm template --api-versions` wants it."""
    names = set()
    for crd in crds:
        spec = crd.get("spec") or {}
        for version in spec.get("versions") or ():
            name = f"{spec.get('group')}/{version.get('name')}"
            names |= {name, f"{name}/{(spec.get('names') or {}).get('kind')}"}
    return tuple(sorted(names))


def _read(file: Path) -> Rendered | None:
    try:
        kept = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return Rendered(**{key: tuple(manifests) for key, manifests in kept.items()})


def _refused(release: Release, chart: StoredChart, error: CommandFailedError) -> StepFailedError:
    output = " ".join(error.evidence)
    fix = None
    if "don't meet the specifications of the schema" in output:
        fix = f"correct spec.values of {release.id}{_at(release)}: the chart's schema lists what is allowed"
    elif match := re.search(r"chart requires kubeVersion: (\S+)", output):
        fix = f"set cluster.kubernetes of the stack to a version that is {match[1]}, or choose another chart version"
    return StepFailedError(
        f"chart {chart.name} {chart.version} of {release.id} cannot be rendered",
        evidence=error.evidence,
        command=error.command,
        fix=fix,
    )


def _at(release: Release) -> str:
    return f" ({release.place})" if release.place is not None else ""
