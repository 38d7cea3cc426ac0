"""Objects that the API server refuses to change, read from its own words: they can only be deleted and created again.

As kubernetes/kubernetes says it: `field is immutable` (`validation.ValidateImmutableField`), `updates to statefulset
spec for fields other than …`, `spec is immutable after creation` (claims), `cannot change roleRef`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.kube.batch_read import in_namespace
from bootstrap.kube.deletion import wait_deleted
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.count import counted
from bootstrap.model.kube import Manifest, ObjectRef, is_named_by_server, ref_of
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_REFUSED = re.compile(r"\b(?P<kind>[A-Z]\w*)(?:\.[\w.-]+)? \\?\"(?P<name>[^\"\\]+)\\?\" is invalid: ")
_IMMUTABLE = re.compile(
    r"\bimmutable\b|updates to \w+ spec for fields other than|updates may not change fields other than"
    r"|cannot change roleRef|may not change once set|may not be changed in an update|updates to \w+ are forbidden"
    r"|field can not be less than"
)
_NOT_RESIZED = re.compile(
    r'persistentvolumeclaims \\?"(?P<name>[^"\\]+)\\?" is forbidden: only dynamically provisioned'
)
"""Of the admission plugin that knows whether the class of a claim allows it to grow."""
_FIELD = re.compile(r"\s*\[?(?P<field>[\w.\[\]/-]+): ")
_CLAIM, _STATEFUL, _DEFINITION = "PersistentVolumeClaim", "StatefulSet", "CustomResourceDefinition"
_HOLDS_DATA = frozenset({_CLAIM, "PersistentVolume"})
_CHANGEABLE = {
    _STATEFUL: (
        *("spec.replicas", "spec.ordinals", "spec.template", "spec.updateStrategy", "spec.revisionHistoryLimit"),
        *("spec.persistentVolumeClaimRetentionPolicy", "spec.minReadySeconds"),
    ),
}
"""Fields that can change, of kinds for which the API server names none that cannot."""
_HIDDEN = re.compile(r"(^|\.)(data|stringData|binaryData|template|env|args|command)\b")
"""Where values are long, or secrets."""
_AT_ONCE = 4
_SHORT = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class ImmutableObject:
    """One object whose declared form differs in a field that cannot change."""

    kind: str
    name: str
    field: str
    """`spec.template`; `spec` if the API server names no more."""


def immutable_objects(words: str) -> tuple[ImmutableObject, ...]:
    """Those that the API server, or helm in its words, names."""
    starts = [*_REFUSED.finditer(words)]
    changes = []
    for start, following in zip_longest(starts, starts[1:]):
        end = len(words) if following is None else following.start()
        why = words[start.end() : end]
        if _IMMUTABLE.search(why):
            field = _FIELD.match(why)
            name = "spec" if field is None else field["field"]
            changes.append(ImmutableObject(kind=start["kind"], name=start["name"], field=name))
    size = "spec.resources.requests.storage"
    changes += [ImmutableObject(kind=_CLAIM, name=each["name"], field=size) for each in _NOT_RESIZED.finditer(words)]
    return tuple(dict.fromkeys(changes))


def replacement_of(
    manifests: Iterable[Manifest], namespace: str, manager: str, api: KubeApi, cancel: CancelToken
) -> Replacement | None:
    """Why these objects cannot become as declared in place, asked by dry runs; None: they can, or are not there.

    Those without a namespace belong in `namespace`. An object that is refused for another reason is not reported here.
    """
    asked = [each for each in manifests if each.get("kind") != "Namespace" and not is_named_by_server(each)]
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="dry-run") as pool:
        answers = list(pool.map(lambda each: _asked(each, namespace, manager, api, cancel), asked))
    refused = [answer for answer in answers if answer is not None]
    if not refused:
        return None
    reasons = [reason for each in refused for reason in each.reasons]
    return Replacement(reasons=tuple(reasons), losses=_losses(refused))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Refused:
    """One object that the API server would not change, as it lives."""

    ref: ObjectRef
    live: Manifest
    reasons: tuple[str, ...]


def _asked(manifest: Manifest, namespace: str, manager: str, api: KubeApi, cancel: CancelToken) -> _Refused | None:
    try:
        ref = in_namespace(ref_of(manifest), namespace, api, cancel)
    except UnknownKindError:
        return None  # its definition comes with a chart that is not installed yet
    home = {"namespace": ref.namespace} if ref.namespace else {}
    declared = {**manifest, "metadata": {**manifest["metadata"], **home}}
    try:
        api.dry_run(declared, cancel, manager=manager)
    except ApiRefusedError as error:
        stuck = [each for each in immutable_objects(error.answer.message) if (each.kind, each.name) == _named(ref)]
        live = api.read(ref, cancel) if stuck else None
        return None if live is None else _Refused(ref=ref, live=live, reasons=_reasons(ref, stuck, declared, live))
    return None


def _named(ref: ObjectRef) -> tuple[str, str]:
    return ref.kind, ref.name


def _reasons(ref: ObjectRef, stuck: Sequence[ImmutableObject], declared: Manifest, live: Manifest) -> tuple[str, ...]:
    """One per field that differs; the API server's own field if the difference is none of values that are declared."""
    reasons = [f"{ref}: {change}" for each in stuck for change in _changes(each, declared, live)]
    return tuple(dict.fromkeys(reasons)) or tuple(f"{ref}: {each.field} cannot change" for each in stuck)


def _changes(stuck: ImmutableObject, declared: Manifest, live: Manifest) -> Iterator[str]:
    kept = _CHANGEABLE.get(stuck.kind, ())
    for path, old, new in _differences(live, declared):
        if path.startswith(stuck.field.partition("[")[0]) and not path.startswith(kept):
            yield f"{path} cannot change" if _HIDDEN.search(path) else str(_change(path, old, new))


def _change(path: str, old: object, new: object) -> Change:
    return Change(field=path, old=_shown(old), new=_shown(new))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _differences(live: object, declared: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Where what is declared differs from what lives; what the API server has added is none."""
    if isinstance(live, Mapping) and isinstance(declared, Mapping):
        for key, value in declared.items():
            yield from _differences(live.get(key), value, f"{path}.{key}".lstrip("."))
    elif isinstance(live, list) and isinstance(declared, list) and len(live) == len(declared):
        for number, (old, new) in enumerate(zip(live, declared, strict=True)):
            yield from _differences(old, new, f"{path}[{number}]")
    elif live != declared:
        yield path, live, declared


def _losses(refused: Sequence[_Refused]) -> tuple[str, ...]:
    volumes = sum(each.ref.kind in _HOLDS_DATA for each in refused)
    lost = [f"{volumes} volume{'' if volumes == 1 else 's'}"] if volumes else []
    for each in refused:
        spec = each.live.get("spec") or {}
        if each.ref.kind == _STATEFUL and _loses_claims(spec):
            lost.append(f"the volumes of {each.ref}")
        if each.ref.kind == _DEFINITION:
            lost.append(f"every {(spec.get('names') or {}).get('kind')} in the cluster")
    return tuple(lost)


def _loses_claims(spec: Mapping[str, object]) -> bool:
    """Whether its claims go with it."""
    policy = spec.get("persistentVolumeClaimRetentionPolicy")
    return isinstance(policy, Mapping) and policy.get("whenDeleted") == "Delete"


def replacement_needed(
    step: str, objects: Sequence[tuple[ObjectRef, ImmutableObject]], evidence: Sequence[str]
) -> ReplacementNeededError:
    """Why the step goes no further without consent, with the API server's own words."""
    reasons = tuple(f"{ref}: {each.field} cannot change" for ref, each in objects)
    volumes = sum(ref.kind in _HOLDS_DATA for ref, _ in objects)
    losses = (counted(volumes, "volume"),) if volumes else ()
    return ReplacementNeededError(step, Replacement(reasons=reasons, losses=losses), evidence=evidence)


def delete_for_replacement(refs: Iterable[ObjectRef], api: KubeApi, work: Work) -> None:
    """Delete these objects and wait until they are gone; whoever applies them next creates them.

    Raises:
        DeadlineError: one does not go; names what holds it.
    """
    going = tuple(refs)
    for ref in going:
        work.notify(f"replacing {ref}")
        api.delete(ref, work.cancel)
    wait_deleted(going, api, work)
