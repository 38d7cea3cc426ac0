"""What hangs on a live function, written so that `apply` makes it again: code, layers, aliases and URL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from bootstrap.seeds.model import Value
from bootstrap.seeds.services.lambda_.code import noted
from bootstrap.seeds.target import Answer, Target
from bootstrap.system.http import Connections

_ABSENT = ("ResourceNotFoundException",)
_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedCode:
    """Code and layers, as files."""

    source: str
    layers: Sequence[str]
    files: Mapping[str, bytes]
    notes: Sequence[str]


def exported_code(target: Target, name: str) -> ExportedCode:
    """The packages, fetched from the emulator itself and from nowhere else; a stand-in for what it does not give."""
    found = target.call("lambda", "GetFunction", FunctionName=name)
    source = f"lambda/{name}.zip"
    content = _downloaded(target, found.get("Code", {}).get("Location", ""))
    files: dict[str, bytes] = {}
    notes = []
    if content is None:
        notes.append(f"{target.endpoint.driver} does not give the code back: put it in place of {source}")
    files[source] = content or noted(f"The code of {name} was not given back: put it here.\n")
    layers = []
    for arn, layer in _layers(target, found["Configuration"]):
        if layer is None:
            notes.append(f"layer {arn} is not exported: {target.endpoint.driver} does not give it back")
        else:
            own = arn.split(":")[6].removeprefix(f"{name}-")
            layers.append(f"lambda/{name}-layers/{own}.zip")
            files[layers[-1]] = layer
    return ExportedCode(source=source, layers=layers, files=files, notes=notes)


def _layers(target: Target, configuration: Answer) -> Iterator[tuple[str, bytes | None]]:
    for one in configuration.get("Layers") or ():
        layer, _, number = one["Arn"].rpartition(":")
        name = layer.rpartition(":")[2]
        about = {"LayerName": name, "VersionNumber": int(number)}
        found = target.find("lambda", "GetLayerVersion", *_ABSENT, **about) or {}
        yield one["Arn"], _downloaded(target, found.get("Content", {}).get("Location", ""))


def exported_names(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Aliases, all of what the function is now: older versions cannot be made again; and its URL."""
    found = {
        path.removeprefix("aliases."): {"description": state["description"]} if state["description"] else {}
        for path, state in sorted(fields.items())
        if path.startswith("aliases.")
    }
    url = fields.get("functionUrl")
    return {"aliases": found if any(found.values()) else list(found), "functionUrl": _exported_url(url)}


def _exported_url(found: Mapping[str, Value] | None) -> Value:
    if found is None:
        return None
    given = {"auth": found["AuthType"], "cors": found["Cors"], "invokeMode": found["InvokeMode"]}
    usual = {"auth": "NONE", "cors": None, "invokeMode": "BUFFERED"}
    return {key: value for key, value in given.items() if value != usual[key]} or True


def _downloaded(target: Target, location: str) -> bytes | None:
    """The package, asked of the emulator's own address; None where the location is not in the emulator."""
    place, here = urlsplit(location), urlsplit(target.endpoint.url)
    if place.scheme != "http" or place.port != here.port or here.hostname is None:
        return None
    response = Connections(here.hostname, here.port or 80).exchange(
        "GET", f"{place.path}?{place.query}", target.cancel, seconds=_SECONDS
    )
    return response.body if response.status == HTTPStatus.OK else None
