"""Whether the admission webhooks of a release can be called."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from bootstrap.errors import DeadlineError
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.kube.batch_read import in_namespace
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import Manifest, ObjectRef, ref_of
from bootstrap.model.observed import Probe
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

_KINDS = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})
_PAUSE = 0.5
NOT_CALLABLE = "failed calling webhook"
"""What an API server says when a webhook does not answer; a webhook that rejects says something else."""


def webhook_configurations(manifests: Iterable[Manifest]) -> tuple[ObjectRef, ...]:
    """Those objects that register admission webhooks."""
    return tuple(ref_of(manifest) for manifest in manifests if manifest.get("kind") in _KINDS)


def wait_for_webhooks(configurations: Iterable[ObjectRef], api: KubeApi, work: Work) -> None:
    """Return when each webhook has its caBundle and a ready endpoint.

    Raises:
        DeadlineError: one has not, in time; names it and what it lacks.
    """
    for ref in configurations:
        _wait(
            partial(_lacking, ref, api, work.cancel),
            work,
            waiting=f"waiting for {ref}",
            failed=partial(_uncalled, ref),
        )


def wait_for_answers(probes: Iterable[Probe], api: KubeApi, work: Work) -> None:
    """Return when no dry run of these ends because its webhook cannot be called; a rejection is an answer.

    Raises:
        DeadlineError: one does not answer, in time; with the API server's answer.
    """
    for probe in probes:
        silence = partial(_silence, probe, api, work.cancel)
        _wait(silence, work, waiting=f"waiting for webhook {probe.webhook}", failed=partial(_unanswered, probe))


def _wait(
    lacking: Callable[[], str],
    work: Work,
    *,
    waiting: str,
    failed: Callable[[str, str], DeadlineError],
) -> None:
    """Look until nothing is lacking; report what is whenever it changes."""
    last = ""

    def probe() -> bool | None:
        nonlocal last
        before, last = last, lacking()
        if last and last != before:
            work.notify(f"{waiting}: {last}")
        return None if last else True

    try:
        wait_until(probe, work.cancel, interval=_PAUSE)
    except DeadlineError as error:
        raise failed(last, error.what) from error


def _uncalled(ref: ObjectRef, lack: str, why: str) -> DeadlineError:
    return DeadlineError(f"{ref} cannot be called: {lack} ({why})")


def _unanswered(probe: Probe, silence: str, why: str) -> DeadlineError:
    about = replace(ref_of(probe.manifest), namespace=probe.namespace)
    return DeadlineError(
        f"webhook {probe.webhook} does not answer for {about} ({why})",
        evidence=(silence,),
        fix="look at the pods behind it with: bootstrap status; then run: bootstrap up",
    )


def _silence(probe: Probe, api: KubeApi, cancel: CancelToken) -> str:
    """What the API server answers if the webhook cannot be called; empty for any other answer."""
    ref = ref_of(probe.manifest)
    try:
        target = in_namespace(ref, probe.namespace or "default", api, cancel)
        metadata = {**probe.manifest["metadata"], **({"namespace": target.namespace} if target.namespace else {})}
        api.dry_run({**probe.manifest, "metadata": metadata}, cancel)
    except ApiRefusedError as error:
        return error.answer.message if f'{NOT_CALLABLE} "{probe.webhook}"' in error.answer.message else ""
    except ApiUnreachableError as error:
        return error.what
    except UnknownKindError:
        return ""
    except DeadlineError:
        # In the token's own words: that this one request was cut short is not what is wrong.
        cancel.check()
        raise
    return ""


def _lacking(ref: ObjectRef, api: KubeApi, cancel: CancelToken) -> str:
    try:
        live = api.read(ref, cancel)
        if live is None:
            return "not found"
        problems = (_lack_of(webhook, api, cancel) for webhook in live.get("webhooks") or ())
        return next((lack for lack in problems if lack), "")
    except ApiUnreachableError as error:
        return error.what


def _lack_of(webhook: Mapping[str, Any], api: KubeApi, cancel: CancelToken) -> str:
    client = webhook.get("clientConfig") or {}
    backend = client.get("service")
    if backend is None:
        return ""
    if not client.get("caBundle"):
        return f"webhook {webhook.get('name')} has no caBundle yet"
    namespace, name = str(backend.get("namespace")), str(backend.get("name"))
    selector = quote(f"kubernetes.io/service-name={name}")
    path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace)}/endpointslices?labelSelector={selector}"
    slices = (api.get(path, cancel) or {}).get("items") or ()
    endpoints = (endpoint for each in slices for endpoint in each.get("endpoints") or ())
    if any((endpoint.get("conditions") or {}).get("ready") is not False for endpoint in endpoints):
        return ""
    return f"Service {namespace}/{name} of webhook {webhook.get('name')} has no ready endpoint"
