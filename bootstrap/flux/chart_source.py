"""Reads which chart a HelmRelease names: spec.chart, or spec.chartRef to an OCIRepository or a HelmChart."""

from dataclasses import dataclass

from bootstrap.flux.fields import NOT_RECONCILED, Fields
from bootstrap.flux.findings import Subject
from bootstrap.flux.kustomization import SourceRef
from bootstrap.flux.object_index import Store
from bootstrap.flux.sources import Sources, values_file
from bootstrap.model.kube import ref_of
from bootstrap.model.release import ChartRef

_CHART_REFS = ("OCIRepository", "HelmChart", "ExternalArtifact")
_CHART_SOURCES = ("HelmRepository", "GitRepository", "Bucket")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartSource:
    """A chart and the values files that go with it."""

    chart: ChartRef
    values_files: tuple[str, ...] = ()
    """Relative to the chart's folder."""
    ignore_missing_values_files: bool = False


def chart_source(fields: Fields, namespace: str, sources: Sources, store: Store) -> ChartSource | None:
    """The chart of this HelmRelease spec; None if it cannot be determined, which is reported."""
    if "chartRef" in fields:
        return _referenced(fields.child("chartRef"), namespace, sources, store)
    if "chart" not in fields:
        fields.subject.problem("names no chart: it needs spec.chart or spec.chartRef", fields.path)
        return None
    template = fields.child("chart")
    template.ignore("metadata")
    spec = template.child("spec")
    template.close()
    return _of_spec(spec, namespace, sources, fields.subject)


def _referenced(fields: Fields, namespace: str, sources: Sources, store: Store) -> ChartSource | None:
    fields.ignore("apiVersion")
    ref = SourceRef(
        kind=fields.required_choice("kind", _CHART_REFS),
        namespace=fields.text("namespace") or namespace,
        name=fields.required("name"),
    )
    fields.close()
    if ref.kind == "OCIRepository":
        chart = sources.oci_chart(ref, fields.subject, fields.path)
        return None if chart is None else ChartSource(chart=chart)
    if ref.kind not in _CHART_REFS:
        return None
    if ref.kind != "HelmChart":
        fields.subject.problem(f"a chart from {ref} is not supported", fields.at("kind"))
        return None
    manifest = store.find(ref.kind, ref.namespace, ref.name)
    if manifest is None:
        fields.subject.problem(sources.missing(ref), fields.path)
        return None
    subject = Subject(ref=ref_of(manifest), findings=fields.subject.findings, fallback=fields.subject.fallback)
    return _of_spec(Fields(manifest.get("spec") or {}, subject, "spec"), ref.namespace, sources, subject)


def _of_spec(spec: Fields, namespace: str, sources: Sources, asker: Subject) -> ChartSource | None:
    source_ref = spec.child("sourceRef")
    ref = SourceRef(
        kind=source_ref.required_choice("kind", _CHART_SOURCES),
        namespace=source_ref.text("namespace") or namespace,
        name=source_ref.required("name"),
    )
    source_ref.ignore("apiVersion")
    source_ref.close()
    name = spec.required("chart")
    single = spec.text("valuesFile")
    files = (*spec.strings("valuesFiles"), *((single,) if single else ()))
    ignore_missing = spec.flag("ignoreMissingValuesFiles")
    version = spec.text("version")
    spec.note(NOT_RECONCILED, "reconcileStrategy")
    spec.ignore("interval")
    spec.note(NOT_RECONCILED, "suspend")
    spec.note("is not checked: charts are pinned by digest instead", "verify")
    spec.close()
    if ref.kind not in _CHART_SOURCES:
        return None
    chart = sources.chart(ref, name, version, asker, source_ref.path)
    if chart is None:
        return None
    return ChartSource(
        chart=chart,
        values_files=tuple(values_file(ref, name, file) for file in files),
        ignore_missing_values_files=ignore_missing,
    )
