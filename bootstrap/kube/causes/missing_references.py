"""ConfigMaps, Secrets and their keys that a pod names and that are not there."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bootstrap.kube.causes.surroundings import Surroundings, message_of, pod_ref, reasons
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, NamedObject, ObjectRef, mapping_in, mappings_in

_KINDS = {"configmap": "ConfigMap", "secret": "Secret", "config": "ConfigMap"}
_OF_CLUSTER = frozenset({"PriorityClass", "RuntimeClass", "CSIDriver"})
"""Kinds that are in no namespace."""
_IN_EVERY_NAMESPACE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
"""What the controller manager creates in a new namespace, a busy one after a while."""
_ABSENT = re.compile(r'(configmap|secret)s? "([^"]+)" not found', re.IGNORECASE)
_NO_KEY = re.compile(r"couldn't find key (\S+) in (ConfigMap|Secret) (?:[^/\s]+/)?([^\s,]+)")
_NO_FILE = re.compile(r'volume "([^"]+)" : .*references non-existent (config|secret) key: ([^\s,]+)')
_NO_CLAIM_TEMPLATE = re.compile(r'resourceclaimtemplate\S* "([^"]+)" not found')
_NO_DRIVER = re.compile(r"driver name (\S+) not found in the list of registered CSI drivers")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """What a pod names and what is not there, in the words that say so."""

    kind: str
    name: str
    key: str = ""
    """Empty: the whole object."""
    words: str = ""


def lacks_of(pod: Manifest, surroundings: Surroundings) -> Iterator[Lack]:
    """What this pod lacks, as its containers and its newest mount failure say."""
    yield from (lack for words in _words(pod, surroundings) for lack in _lacks_in(words, pod))


def missing_causes(pod: Manifest, of: ObjectRef, surroundings: Surroundings) -> Iterator[Cause]:
    """One cause for each thing that is missing."""
    for lack in dict.fromkeys(lacks_of(pod, surroundings)):
        yield missing_cause(lack, pod_ref(pod), of, surroundings)


def missing_cause(lack: Lack, where: ObjectRef, of: ObjectRef, surroundings: Surroundings) -> Cause:
    """Waited for if something will create it, or if it is there by now."""
    named = _named(lack, where.namespace)
    name = f"{lack.kind} {lack.name}" if lack.kind in _OF_CLUSTER else f"{lack.kind} {where.namespace}/{lack.name}"
    what = f"key {lack.key} of {name}" if lack.key else name
    kind = CauseKind.MISSING_KEY if lack.key else CauseKind.MISSING
    evidence = (lack.words,) if lack.words else ()
    if named in surroundings.present and (not lack.key or lack.key in surroundings.present[named]):
        text = f"{what} exists now; the kubelet looks for it again within 2 minutes"
        if lack.kind == "CSIDriver":
            text = f"{what} has not registered on the node yet"
        return Cause(kind=kind, of=of, object=where, text=text)
    if (lack.kind, lack.name) in _IN_EVERY_NAMESPACE:
        text = f"{what} does not exist yet: the cluster creates it in every namespace"
        return Cause(kind=kind, of=of, object=where, text=text, evidence=evidence)
    # A plain object of the plan that is there has the keys that it will have; a controller may still add some.
    maker = surroundings.expected.get(named, "")
    if maker and not (named in surroundings.present and maker.startswith(f"{lack.kind} ")):
        text = f"{what} does not exist yet: {maker} creates it"
        return Cause(kind=kind, of=of, object=where, text=text, evidence=evidence)
    # A key may be missing from an object that is there: then that one says which keys it has.
    keys = sorted(surroundings.present.get(named, ()))
    text = f"{what} does not exist" + (f"; it has the keys {', '.join(keys)}" if lack.key and keys else "")
    return Cause(
        kind=kind,
        of=of,
        object=where,
        text=text,
        evidence=evidence,
        fix=_fix(lack, where, surroundings),
        # A Job that still runs may be there to make it, as charts do that generate secrets.
        terminal=not any(ref.kind == "Job" and ref != of for ref in surroundings.objects),
    )


def needed_objects(surroundings: Surroundings) -> frozenset[NamedObject]:
    """What to look for, to know whether it is there by now: all that pods and their makers say they lack."""
    objects: set[NamedObject] = set()
    for ref, live in surroundings.objects.items():
        for pod in surroundings.pods_of(ref, live) if live is not None else ():
            namespace = pod_ref(pod).namespace
            objects.update(_named(lack, namespace) for lack in lacks_of(pod, surroundings))
    return frozenset(objects)


def _named(lack: Lack, namespace: str | None) -> NamedObject:
    return (lack.kind, None if lack.kind in _OF_CLUSTER else namespace, lack.name)


def _words(pod: Manifest, surroundings: Surroundings) -> Iterable[str]:
    statuses = (*mappings_in(pod, "status", "initContainerStatuses"), *mappings_in(pod, "status", "containerStatuses"))
    waiting = [mapping_in(each, "state", "waiting") for each in statuses]
    yield from (message_of(item) for item in waiting if item.get("reason") == "CreateContainerConfigError")
    yield from {
        message_of(event): None for event in reasons(surroundings.events_of(pod), "FailedResourceClaimCreation")
    }
    # Volumes are mounted before the first container starts; later mount failures are old ones.
    if any(item.get("reason") in {"ContainerCreating", "PodInitializing"} for item in waiting):
        yield from {message_of(event): None for event in reasons(surroundings.events_of(pod), "FailedMount")}


def _lacks_in(words: str, pod: Manifest) -> Iterator[Lack]:
    for kind, name in _ABSENT.findall(words):
        yield Lack(kind=_KINDS[kind.lower()], name=name, words=words)
    for key, kind, name in _NO_KEY.findall(words):
        yield Lack(kind=kind, name=name, key=key, words=words)
    for volume, kind, key in _NO_FILE.findall(words):
        yield Lack(kind=_KINDS[kind], name=_source_of(pod, volume), key=key, words=words)
    for name in _NO_CLAIM_TEMPLATE.findall(words):
        yield Lack(kind="ResourceClaimTemplate", name=name, words=words)
    for driver in _NO_DRIVER.findall(words):
        yield Lack(kind="CSIDriver", name=driver, words=words)


def _source_of(pod: Manifest, volume: str) -> str:
    """The ConfigMap or Secret behind a volume."""
    for each in mappings_in(pod, "spec", "volumes"):
        if each.get("name") == volume:
            config, secret = mapping_in(each, "configMap"), mapping_in(each, "secret")
            return str(config.get("name") or secret.get("secretName") or volume)
    return volume


def _fix(lack: Lack, where: ObjectRef, surroundings: Surroundings) -> str:
    command = f"{surroundings.kubectl} -n {where.namespace}"
    if lack.kind == "CSIDriver":
        return f"install the driver that registers it, or name one that exists: {surroundings.kubectl} get csidrivers"
    if lack.kind == "ResourceClaimTemplate":
        return f"add it to the repository, or name one that exists: {command} get resourceclaimtemplates"
    if lack.kind in _OF_CLUSTER:
        return f"add it to the repository, or name one that exists: {surroundings.kubectl} get {lack.kind.lower()}"
    if lack.kind == "ServiceAccount":
        make = f"{command} create serviceaccount {lack.name}"
    elif lack.key:
        return f"add the key {lack.key}, or name one that exists: {command} describe {lack.kind.lower()} {lack.name}"
    else:
        verb = "create secret generic" if lack.kind == "Secret" else "create configmap"
        make = f"{command} {verb} {lack.name} --from-literal=KEY=VALUE"
    return f"add it to the repository, or correct its name; to try: {make}"
