"""`export`: what a live emulator holds, as fixture files that make it again."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import UsageError
from bootstrap.model.count import counted
from bootstrap.model.labels import API_VERSION
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.elsewhere import elsewhere
from bootstrap.seeds.load import KIND
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import Need, Observed, ResourceId, Value
from bootstrap.seeds.references import in_order, needs_in
from bootstrap.seeds.services.base import Exported, Look, Service
from bootstrap.seeds.target import Calls, Target
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole

_LIKE_ANOTHER_TYPE = re.compile(r"[-+.0-9~]|(?:true|false|null|yes|no|on|off|y|n)$", re.IGNORECASE)

_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedExport:
    """Fixture files, not yet written."""

    endpoint: EmulatorEndpoint
    files: Mapping[str, bytes]
    """By relative path."""
    secret_files: frozenset[str]
    """Those that are written 0600."""
    resources: tuple[ResourceId, ...]
    notes: tuple[str, ...] = ()
    calls: Calls = field(default_factory=Calls)

    def write(self, folder: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write them below `folder`; those that are there with the same content stay.

        Raises:
            UsageError: files of these names hold something else; nothing is written.
        """
        contents = {folder / name: (name, content) for name, content in self.files.items()}
        other = [str(file) for file, (_, content) in contents.items() if file.exists() and file.read_bytes() != content]
        if other and not overwrite:
            raise UsageError(
                f"{counted(len(other), 'file')} would be overwritten, for example {other[0]}",
                fix="export into an empty folder, or add --force",
            )
        for file, (name, content) in contents.items():
            write_whole(file, content, mode=0o600 if name in self.secret_files else 0o644)
        return tuple(contents)

    def to_json(self) -> dict[str, Value]:
        """`kind: SeedExport`; no contents, since they hold secrets."""
        return {
            "version": 1,
            "kind": "SeedExport",
            "endpoint": {"url": self.endpoint.url, "driver": self.endpoint.driver, "region": self.endpoint.region},
            "resources": [str(resource) for resource in self.resources],
            "files": sorted(self.files),
            "secretFiles": sorted(self.secret_files),
            "notes": list(self.notes),
            "calls": self.calls.to_json(),
        }


def export(
    endpoint: EmulatorEndpoint,
    services: Mapping[str, Service],
    covers: Callable[[ResourceId], bool],
    cancel: CancelToken,
    asks: Callable[[str], bool] = lambda _service: True,
) -> SeedExport:
    """Everything that the emulator holds and `covers` names, of services that `asks` names. Writes nothing anywhere."""
    target = Target(endpoint, "", cancel)
    try:
        asked = {name: service for name, service in services.items() if asks(name) and target.has(name)}
        observed = {item.id: item for service in asked.values() for item in observed_in(target, service, covers)}
        exports = exported_in(target, services, observed)
        kept = {resource: exported for resource, exported in exports.items() if not exported.left_out}
        bodies = referenced({resource: exported.body for resource, exported in kept.items()}, observed)
        return SeedExport(
            endpoint=endpoint,
            files={
                **documents(bodies),
                **{name: text for exported in exports.values() for name, text in exported.files.items()},
            },
            secret_files=frozenset(name for exported in exports.values() for name in exported.secret_files),
            resources=tuple(kept),
            notes=(*_notes(exports), *elsewhere(target, asked)),
            calls=target.calls,
        )
    finally:
        target.close()


def digests(endpoint: EmulatorEndpoint, services: Mapping[str, Service], cancel: CancelToken) -> Mapping[str, str]:
    """By `SERVICE/NAME`: a digest of each resource of the emulator with what is in it, as `export` would write it."""
    target = Target(endpoint, "", cancel)
    try:
        return {
            str(item.id): _digest(services[service].export(target, item))
            for service in services
            if target.has(service)
            for item in observed_in(target, services[service], lambda _resource: True)
        }
    finally:
        target.close()


def _digest(exported: Exported) -> str:
    body = json.dumps(_in_order(dict(exported.body)), sort_keys=True, default=str)
    digest = hashlib.sha256(body.encode())
    for name in sorted(exported.files):
        digest.update(f"\n{name}\n".encode() + exported.files[name])
    return digest.hexdigest()[:16]


def observed_in(
    target: Target, service: Service, covers: Callable[[ResourceId], bool], *, ours: bool = False
) -> list[Observed]:
    """All that a service holds and `covers` names, looked at closely; our own notes only where `ours` asks for them."""
    names = [
        name
        for name in sorted(service.names(target))
        if covers(ResourceId(service.name, name)) and (ours or not is_reserved(name))
    ]
    looks = [Look(name=name, all=True) for name in names]
    return list(service.observe(target, looks).values()) if looks else []


def exported_in(
    target: Target, services: Mapping[str, Service], observed: Mapping[ResourceId, Observed]
) -> dict[ResourceId, Exported]:
    """Each of them as a fixture."""
    return {resource: services[resource.service].export(target, item) for resource, item in sorted(observed.items())}


def _notes(exports: Mapping[ResourceId, Exported]) -> list[str]:
    secret = [name for exported in exports.values() for name in exported.secret_files]
    notes = [f"{resource} is not exported: {item.left_out}" for resource, item in exports.items() if item.left_out]
    notes.extend(f"{resource}: {note}" for resource, item in exports.items() for note in (*item.notes, *item.hints))
    if secret:
        notes.append(
            f"secrets are in {counted(len(secret), 'file')}, readable by you alone: keep them out of the repository"
        )
    return notes


def documents(bodies: Mapping[ResourceId, Mapping[str, Value]]) -> dict[str, bytes]:
    """One file per service."""
    files: dict[str, bytes] = {}
    for service in dict.fromkeys(resource.service for resource in bodies):
        section = {
            resource.name: {key: _in_order(value) for key, value in body.items()}
            for resource, body in bodies.items()
            if resource.service == service
        }
        document = {"apiVersion": API_VERSION, "kind": KIND, service: section}
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
        files[f"{service}.yaml"] = text.encode()
    return files


def _in_order(value: Value) -> Value:
    """Every mapping by its keys: emulators list tags and attributes in another order each time."""
    match value:
        case dict():
            return {key: _in_order(value[key]) for key in sorted(value)}
        case list():
            return [_in_order(item) for item in value]
        case _:
            return value


def referenced(
    bodies: Mapping[ResourceId, Mapping[str, Value]], observed_by_id: Mapping[ResourceId, Observed]
) -> dict[ResourceId, Mapping[str, Value]]:
    """ARNs and addresses of what is exported become references, unless that would make a cycle."""
    names_by_value = {
        item.attributes[name]: f"${{ref:{resource}.{name}}}"
        for resource, item in observed_by_id.items()
        for name in ("arn", "streamArn", "url")
        if item.attributes.get(name)
    }
    pattern = _any_of(names_by_value)
    bodies_walked = {
        resource: _walked(body, lambda text: _with_references(text, names_by_value, pattern))
        for resource, body in bodies.items()
    }
    needs = {
        resource: [need for need in needs_in(body) if isinstance(need, Need)]
        for resource, body in bodies_walked.items()
    }
    kept = {
        resource: [need for need in given if need.target != resource or not need.soft]
        for resource, given in needs.items()
    }
    if in_order(kept)[1]:
        return {resource: _walked(body, _escaped) for resource, body in bodies.items()}
    return bodies_walked


def _walked(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str():
            return change(value)
        case dict():
            return {_escaped(key): _walked(inner, change) for key, inner in value.items()}
        case list():
            return [_walked(inner, change) for inner in value]
        case _:
            return value


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


def _any_of(values: Iterable[str]) -> re.Pattern[str]:
    """Each of them, as a whole: not where it is the beginning of another name."""
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9_.-])") if longest_first else _NOTHING


def _with_references(text: str, references: Mapping[str, str], pattern: re.Pattern[str]) -> str:
    parts = pattern.split(text)
    return "".join(references[part] if number % 2 else _escaped(part) for number, part in enumerate(parts))


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some reader could take for another type."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the same value twice is written twice
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if _LIKE_ANOTHER_TYPE.match(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
