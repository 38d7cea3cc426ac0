"""What hangs on a live function, written so that `apply` makes it again: code, layers, aliases and URL."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from bootstrap.seeds.model import Value
from bootstrap.seeds.services.lambda_.attachments import CURRENT
from bootstrap.seeds.services.lambda_.code import noted
from bootstrap.seeds.target import Answer, Target
from bootstrap.system.http import Connections

_ABSENT = ("ResourceNotFoundException",)
_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedCode:
    """Code and layers, as files."""

    body: Mapping[str, Value]
    """`source`, or `image`."""
    layers: Sequence[str]
    files: Mapping[str, bytes]
    notes: Sequence[str]


def exported_code(target: Target, name: str, image: Value) -> ExportedCode:
    """The image's name; or the packages, fetched from the emulator itself and from nowhere else.

    A stand-in takes the place of what the emulator does not give.
    """
    if image:
        return ExportedCode(body={"image": image}, layers=(), files={}, notes=())
    response = target.call("lambda", "GetFunction", FunctionName=name)
    source = f"lambda/{name}.zip"
    content = _downloaded(target, response.get("Code", {}).get("Location", ""))
    files: dict[str, bytes] = {}
    notes = []
    if content is None:
        notes.append(f"{target.endpoint.driver} does not return the code: put it in place of {source}")
    files[source] = content or noted(f"The code of {name} was not returned by the emulator: put it here.\n")
    layers = []
    for arn, layer in _layers(target, response["Configuration"]):
        if layer is None:
            notes.append(f"layer {arn} is not exported: {target.endpoint.driver} does not return it")
        else:
            own = arn.split(":")[6].removeprefix(f"{name}-")
            layers.append(f"lambda/{name}-layers/{own}.zip")
            files[layers[-1]] = layer
    return ExportedCode(body={"source": source}, layers=layers, files=files, notes=notes)


def _layers(target: Target, configuration: Answer) -> Iterator[tuple[str, bytes | None]]:
    for attached in configuration.get("Layers") or ():
        layer, _, number = attached["Arn"].rpartition(":")
        name = layer.rpartition(":")[2]
        about = {"LayerName": name, "VersionNumber": int(number)}
        response = target.find("lambda", "GetLayerVersion", *_ABSENT, **about) or {}
        yield attached["Arn"], _downloaded(target, response.get("Content", {}).get("Location", ""))


def exported_names(fields: Mapping[str, Value]) -> dict[str, Value]:
    """Aliases, all of what the function is now: older versions cannot be made again; and its URL."""
    exported_fields = {
        path.removeprefix("aliases."): {"description": state["description"]} if state["description"] else {}
        for path, state in sorted(fields.items())
        if path.startswith("aliases.")
    }
    url = fields.get("functionUrl")
    return {
        "aliases": exported_fields if any(exported_fields.values()) else list(exported_fields),
        "functionUrl": _exported_url(url),
    }


def _exported_url(url_config: Mapping[str, Value] | None) -> Value:
    if url_config is None:
        return None
    given = {"auth": url_config["AuthType"], "cors": url_config["Cors"], "invokeMode": url_config["InvokeMode"]}
    usual = {"auth": "NONE", "cors": None, "invokeMode": "BUFFERED"}
    return {key: value for key, value in given.items() if value != usual[key]} or True


def _downloaded(target: Target, location: str) -> bytes | None:
    """The package, asked of the emulator's own address, whatever name and port it has for itself; None for none."""
    place, here = urlsplit(location), urlsplit(target.endpoint.url)
    if place.scheme not in {"http", "https"} or here.hostname is None:
        return None
    response = Connections(here.hostname, here.port or 80).exchange(
        "GET", f"{place.path}?{place.query}", target.cancel, seconds=_SECONDS
    )
    is_package = response.status == HTTPStatus.OK and zipfile.is_zipfile(io.BytesIO(response.body))
    return response.body if is_package else None


def older_aliases(fields: Mapping[str, Value]) -> Iterator[str]:
    """What to say of aliases of versions that are not what the function is now."""
    for path, state in sorted(fields.items()):
        if path.startswith("aliases.") and state["version"] not in {CURRENT, "$LATEST"}:
            alias = path.removeprefix("aliases.")
            yield f"alias {alias} is of version {state['version']}, which cannot be made again: declared as current"
