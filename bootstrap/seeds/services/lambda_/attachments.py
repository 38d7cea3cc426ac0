"""What hangs on a function: layers, aliases and its URL."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootstrap.seeds.model import Fixture, Value
from bootstrap.seeds.services.lambda_.code import code_hash, packed
from bootstrap.seeds.target import Answer, Target

_ABSENT = ("ResourceNotFoundException",)
CURRENT = "current"
_COMPARED = ("CodeSha256", "Runtime", "Handler", "Timeout", "MemorySize", "Environment", "Layers", "Role")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer of a function: an ARN, or a folder or zip that we publish."""

    text: str
    name: str = ""
    content: bytes = b""

    @property
    def field(self) -> str:
        """The ARN, or `NAME@CodeSha256`."""
        return f"{self.name}@{code_hash(self.content)}" if self.name else self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """A name for a version."""

    name: str
    version: str
    """`current`: published from the function as it is now; else as AWS writes it."""
    description: str = ""

    @property
    def state(self) -> Value:
        """What is compared."""
        return {"version": self.version, "description": self.description}


def declared_layer(fixture: Fixture, text: str) -> Layer:
    """The layer that a fixture's entry means."""
    if text.startswith("arn:"):
        return Layer(text=text)
    file = fixture.file(text)
    return Layer(text=text, name=f"{fixture.id.name}-{file.stem}", content=packed(file))


def layer_field(target: Target, function: str, layers: Sequence[Answer], declared: Sequence[str]) -> list[str]:
    """The function's layers, each in the form in which it is declared."""
    arns = {text for text in declared if text.startswith("arn:")}
    own = [layer["Arn"] for layer in layers]
    return [arn if arn in arns or f":layer:{function}-" not in arn else _published(target, arn) for arn in own]


def publish_layer(target: Target, layer: Layer) -> str:
    """The ARN of the version with this content, published if there is none yet."""
    if not layer.name:
        return layer.text
    listed = target.find("lambda", "ListLayerVersions", *_ABSENT, LayerName=layer.name) or {}
    for version in listed.get("LayerVersions", ())[:1]:
        if _published(target, version["LayerVersionArn"]) == layer.field:
            return str(version["LayerVersionArn"])
    response = target.call("lambda", "PublishLayerVersion", LayerName=layer.name, Content={"ZipFile": layer.content})
    return str(response["LayerVersionArn"])


def _published(target: Target, arn: str) -> str:
    layer, _, number = arn.rpartition(":")
    name = layer.rpartition(":")[2]
    response = target.find("lambda", "GetLayerVersion", *_ABSENT, LayerName=name, VersionNumber=int(number)) or {}
    return f"{name}@{response.get('Content', {}).get('CodeSha256', '')}"


def declared_alias(name: str, about: Mapping[str, Value]) -> Alias:
    """The alias that a fixture's entry means."""
    return Alias(name=name, version=about.get("version", CURRENT), description=about.get("description", ""))


def aliases_of(target: Target, function: str, configuration: Answer) -> list[Alias]:
    """The aliases that are there; a version equal to the function as it is now counts as `current`."""
    same = functools.cache(lambda version: _is_current(target, function, version, configuration))
    pages = target.pages("lambda", "ListAliases", FunctionName=function)
    return [
        Alias(
            name=alias["Name"],
            version=CURRENT if same(alias["FunctionVersion"]) else alias["FunctionVersion"],
            description=alias.get("Description", ""),
        )
        for page in pages
        for alias in page["Aliases"]
    ]


def _is_current(target: Target, function: str, version: str, configuration: Answer) -> bool:
    if version == "$LATEST":
        return False
    there = target.call("lambda", "GetFunctionConfiguration", FunctionName=function, Qualifier=version)
    return all(there.get(name) == configuration.get(name) for name in _COMPARED)


def point_alias(target: Target, function: str, alias: Alias) -> None:
    """Make or move it; `current` publishes a version, which AWS does only when something changed."""
    version = alias.version
    if version == CURRENT:
        version = target.call("lambda", "PublishVersion", FunctionName=function)["Version"]
    about = {"FunctionName": function, "Name": alias.name, "FunctionVersion": version, "Description": alias.description}
    if target.find("lambda", "UpdateAlias", *_ABSENT, **about) is None:
        target.call("lambda", "CreateAlias", **about)


def function_url(target: Target, function: str) -> Answer | None:
    """Its URL's configuration; None for none."""
    return target.find("lambda", "GetFunctionUrlConfig", *_ABSENT, FunctionName=function)


def url_fields(url_config: Answer) -> Value:
    """As it is compared; emulators write the mode in their own case."""
    mode = str(url_config.get("InvokeMode", "BUFFERED")).upper()
    return {"AuthType": url_config["AuthType"], "Cors": url_config.get("Cors") or None, "InvokeMode": mode}


def put_url(target: Target, function: str, url: Value, *, there: bool) -> str | None:
    """Make, change or delete it; the URL."""
    if url is None:
        if there:
            target.find("lambda", "DeleteFunctionUrlConfig", *_ABSENT, FunctionName=function)
        return None
    operation = "UpdateFunctionUrlConfig" if there else "CreateFunctionUrlConfig"
    sent = {name: value for name, value in url.items() if value is not None}
    return str(target.call("lambda", operation, FunctionName=function, **sent)["FunctionUrl"])
