"""Reads a Flux HelmRelease object (v2, v2beta1, v2beta2) into a Release."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootstrap.flux.chart_source import ChartSource, chart_source
from bootstrap.flux.fields import NOT_RECONCILED, Fields
from bootstrap.flux.findings import Subject
from bootstrap.flux.kustomization import read_depends_on
from bootstrap.flux.object_index import Store, contents
from bootstrap.flux.overlay import dump_patch, json6902
from bootstrap.flux.sources import Sources
from bootstrap.flux.values import ValuesError, merged
from bootstrap.model.kube import Manifest
from bootstrap.model.release import Release, UnknownChart, ValuesFrom

GROUP = "helm.toolkit.fluxcd.io"
_CRDS = ("Skip", "Create", "CreateReplace")
_STRATEGIES = ("RemediateOnFailure", "RetryOnFailure")
_LONGEST_NAME = 53
_MAX_HISTORY = 5
_UNLIMITED = -1
_OWN_CREDENTIALS = "has no effect: everything is done with the stack's own credentials"
_UNKNOWN = ChartSource(chart=UnknownChart(reason="the repository does not show which chart it uses"))


def release_name(name: str, *, target_namespace: str | None = None, given: str | None = None) -> str:
    """What helm calls the release: as given, else [targetNamespace-]name; over 53 characters 40 of them and a hash."""
    full = given or (f"{target_namespace}-{name}" if target_namespace else name)
    if len(full) <= _LONGEST_NAME:
        return full
    return f"{full[:40]}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"


def read_release(manifest: Manifest, subject: Subject, sources: Sources, store: Store, owner: str) -> Release:
    """The release that the object declares.

    Every problem is reported; if the chart cannot be determined, the result is of no use.
    """
    _check_identity(subject)
    fields = Fields(manifest.get("spec") or {}, subject, "spec")
    namespace = subject.ref.namespace or ""
    source = chart_source(fields, namespace, sources, store) or _UNKNOWN
    target = fields.text("targetNamespace")
    inline = fields.mapping("values")
    references = _values_from(fields, namespace, store)
    max_history = fields.number("maxHistory")
    release = Release(
        namespace=namespace,
        name=subject.ref.name,
        release_name=release_name(subject.ref.name, target_namespace=target, given=fields.text("releaseName")),
        target_namespace=target or namespace,
        chart=source.chart,
        values=_merged(inline, references, subject),
        values_from=references if any(reference.content is None for reference in references) else (),
        inline_values=inline,
        values_files=source.values_files,
        ignore_missing_values_files=source.ignore_missing_values_files,
        post_renderers=tuple(_post_renderer(item) for item in fields.children("postRenderers")),
        common_metadata=fields.mapping("commonMetadata"),
        suspended=fields.flag("suspend"),
        depends_on=read_depends_on(fields, namespace),
        max_history=_MAX_HISTORY if max_history is None else max_history,
        owner=owner,
        place=subject.place(),
    )
    release = _with_test(_with_upgrade(_with_install(release, fields), fields), fields)
    _accept(fields)
    fields.close()
    return release


def _check_identity(subject: Subject) -> None:
    if subject.ref.namespace is None:
        subject.problem("has no namespace", "metadata.namespace")


def _values_from(fields: Fields, namespace: str, store: Store) -> tuple[ValuesFrom, ...]:
    references = (
        _reference(item, position, namespace, store) for position, item in enumerate(fields.children("valuesFrom"))
    )
    return tuple(reference for reference in references if reference is not None)


def _reference(fields: Fields, position: int, namespace: str, store: Store) -> ValuesFrom | None:
    """One entry; None when it is optional and the repository holds the object but not the key."""
    reference = ValuesFrom(
        kind=fields.choice("kind", ("ConfigMap", "Secret"), "ConfigMap"),
        name=fields.required("name"),
        values_key=fields.text("valuesKey") or "values.yaml",
        target_path=fields.text("targetPath"),
        optional=fields.flag("optional"),
        literal=fields.flag("literal"),
        position=position,
    )
    fields.close()
    manifest = store.find(reference.kind, namespace, reference.name)
    if manifest is None:
        return reference
    content = contents(manifest).get(reference.values_key)
    if content is None and not reference.optional:
        named = f"{reference.kind} {namespace}/{reference.name}"
        fields.subject.problem(f"{named} has no key {reference.values_key}", fields.at("valuesKey"))
    return None if content is None else replace(reference, content=content)


def _merged(inline: Mapping[str, Any], references: tuple[ValuesFrom, ...], subject: Subject) -> Mapping[str, Any]:
    for reference in references:
        if reference.content is None and not reference.optional:
            subject.note(
                f"the values of {reference.kind} {reference.name} are not in the repository:"
                " they are read from the cluster before the release is installed",
                f"spec.valuesFrom[{reference.position}]",
            )
    try:
        return merged(inline, references)
    except ValuesError as error:
        subject.problem(str(error), f"spec.valuesFrom[{error.source.position}]")
        return inline


def _post_renderer(fields: Fields) -> Mapping[str, Any]:
    """Kustomize settings with patches and images alone: the older ways to write a patch are turned into it."""
    kustomize = fields.child("kustomize")
    fields.close()
    merges = ({"patch": dump_patch(patch)} for patch in kustomize.mappings("patchesStrategicMerge"))
    operations = (json6902(patch) for patch in kustomize.mappings("patchesJson6902"))
    settings = {
        "patches": [*kustomize.mappings("patches"), *merges, *operations],
        "images": list(kustomize.mappings("images")),
    }
    kustomize.close()
    return {key: value for key, value in settings.items() if value}


def _with_install(release: Release, fields: Fields) -> Release:
    install = fields.child("install")
    remediation = _remediation(install)
    default = release.timeout if (timeout := fields.duration("timeout")) is None else timeout
    skip = install.flag("skipCRDs")
    changed = replace(
        release,
        timeout=install.duration("timeout") or default,
        upgrade_timeout=fields.child("upgrade").duration("timeout") or default,
        create_namespace=install.flag("createNamespace"),
        crds=install.choice("crds", _CRDS, "Skip" if skip else "Create"),
        retries=_retries(install, remediation),
        disable_wait=install.flag("disableWait"),
        disable_wait_for_jobs=install.flag("disableWaitForJobs"),
        disable_hooks=install.flag("disableHooks"),
        disable_openapi_validation=install.flag("disableOpenAPIValidation"),
        disable_schema_validation=install.flag("disableSchemaValidation"),
        disable_take_ownership=install.flag("disableTakeOwnership"),
    )
    install.ignore("replace", "remediation")
    install.note("is ignored: helm's default applies", "serverSideApply")
    install.close()
    return changed


def _with_upgrade(release: Release, fields: Fields) -> Release:
    upgrade = fields.child("upgrade")
    remediation = _remediation(upgrade)
    strategy = remediation.choice("strategy", ("rollback", "uninstall"), "rollback")
    retries = _retries(upgrade, remediation)
    changed = replace(
        release,
        upgrade_crds=upgrade.choice("crds", _CRDS, "Skip"),
        upgrade_retries=retries,
        rollback="remediation" in upgrade and strategy == "rollback" and retries != 0,
        upgrade_disable_wait=upgrade.flag("disableWait"),
        disable_wait_for_jobs=release.disable_wait_for_jobs or upgrade.flag("disableWaitForJobs"),
        disable_hooks=release.disable_hooks or upgrade.flag("disableHooks"),
        disable_openapi_validation=release.disable_openapi_validation or upgrade.flag("disableOpenAPIValidation"),
        disable_schema_validation=release.disable_schema_validation or upgrade.flag("disableSchemaValidation"),
        upgrade_disable_take_ownership=upgrade.flag("disableTakeOwnership"),
        force=upgrade.flag("force"),
        cleanup_on_fail=upgrade.flag("cleanupOnFail"),
    )
    if strategy == "uninstall":
        remediation.subject.note(f"{remediation.path}.strategy uninstall is not supported", remediation.at("strategy"))
    upgrade.ignore("timeout", "remediation")
    upgrade.note("is not supported: every upgrade uses only the declared values", "preserveValues")
    upgrade.note("is ignored: helm's default applies", "serverSideApply")
    upgrade.note("is not supported: the release is upgraded in place", "chartNameChangeStrategy")
    upgrade.close()
    return changed


def _remediation(action: Fields) -> Fields:
    remediation = action.child("remediation")
    remediation.ignore("retries", "strategy", "ignoreTestFailures")
    remediation.note("is not supported: a failed release stays as it is, to be examined", "remediateLastFailure")
    remediation.close()
    return remediation


def _retries(action: Fields, remediation: Fields) -> int:
    strategy = action.child("strategy")
    unlimited = strategy.choice("name", _STRATEGIES, _STRATEGIES[0]) == "RetryOnFailure"
    strategy.note(NOT_RECONCILED, "retryInterval")
    strategy.close()
    return _UNLIMITED if unlimited else remediation.number("retries") or 0


def _with_test(release: Release, fields: Fields) -> Release:
    test = fields.child("test")
    changed = replace(release, run_tests=test.flag("enable"), ignore_test_failures=test.flag("ignoreFailures"))
    test.note("is not supported: all tests of the chart run", "filters")
    test.note("has no effect: the release's own timeout applies", "timeout")
    test.close()
    return changed


def _accept(fields: Fields) -> None:
    fields.ignore("chart", "chartRef", "timeout", "persistentClient")
    fields.note(NOT_RECONCILED, "interval", expected=True)
    fields.note(NOT_RECONCILED, "driftDetection", "rollback", "uninstall")
    fields.note(_OWN_CREDENTIALS, "serviceAccountName", "kubeConfig")
    fields.note("has no effect: helm keeps a release in its own namespace", "storageNamespace")
    fields.note("is not evaluated: objects count as ready by their conditions", "healthCheckExprs")
    fields.note("is ignored: helm's default applies", "postRenderStrategy", "waitStrategy")
