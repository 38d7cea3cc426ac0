"""AWS Lambda."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import Problem
from bootstrap.model import labels
from bootstrap.seeds.model import (
    KNOWN_LATER,
    Desired,
    Difference,
    DifferenceKind,
    Fixture,
    Need,
    Observed,
    ResourceId,
    Value,
    digest,
)
from bootstrap.seeds.schema import TAGS, Aws, Either, Flag, ListOf, MapOf, Record, Text, Whole
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.lambda_ import event_sources as events
from bootstrap.seeds.services.lambda_.attachments import (
    Alias,
    Layer,
    aliases_of,
    declared_alias,
    declared_layer,
    function_url,
    layer_field,
    point_alias,
    publish_layer,
    put_url,
    url_fields,
)
from bootstrap.seeds.services.lambda_.checks import (
    NAME,
    RESERVED,
    event_problems,
    file_problems,
    package_problems,
    source_problems,
)
from bootstrap.seeds.services.lambda_.code import code_hash, packed
from bootstrap.seeds.services.lambda_.configuration import (
    DEFAULT_ROLE,
    DEFAULTS,
    SIMPLE,
    back_to_default,
    configuration_fields,
    default_role,
    delete_function,
    failure,
    is_configuration,
    machine,
    not_running,
    reported_parameters,
    settled,
    update_function,
)
from bootstrap.seeds.services.lambda_.export import exported_code, exported_names, older_aliases
from bootstrap.seeds.services.lambda_.invocation import (
    LATER,
    PERMISSIONS,
    PREFIX,
    observed_invocation,
    observed_permissions,
    permission_fields,
    permissions_left_out,
    put_invocation,
    put_permissions,
)
from bootstrap.seeds.services.lambda_.smoke_events import LAMBDA_INVOKE, SMOKE, prove
from bootstrap.seeds.services.limits import function_problems, tag_problems
from bootstrap.seeds.target import Target

_ABSENT = ("ResourceNotFoundException",)
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)
_INSTEAD = {
    "FunctionName": "it is the fixture's key",
    "Code": "write source or s3",
    "Environment": "write environment",
    "Layers": "write layers",
    "Tags": "write tags",
    "Publish": "write aliases",
    "PackageType": "write image, or source",
    "Qualifier": "it is of the function itself",
    **{name: f"write {ours}" for name, ours in SIMPLE.items()},
}

_CREATE = ("lambda", "CreateFunction")
_CODE = (*_CREATE, "Code")
_ALIAS = {
    "version": Text(like=("lambda", "CreateAlias", "FunctionVersion")),
    "description": Text(like=("lambda", "CreateAlias", "Description")),
}
_CORS = Aws(service="lambda", operations=("CreateFunctionUrlConfig",), part=("Cors",))
_ALIAS_NAME = Text(like=("lambda", "CreateAlias", "Name"))

URL = Either(
    (
        Flag(),
        Record(
            keys={
                "auth": Text(choices=("NONE", "AWS_IAM")),
                "cors": _CORS,
                "invokeMode": Text(choices=("BUFFERED", "RESPONSE_STREAM")),
            }
        ),
    )
)


class Lambda(Service):
    """Functions with code, configuration, aliases, URL, event sources and a smoke test."""

    name = "lambda"
    attributes = ("name", "arn", "url")
    contents = (events.PREFIX, "aliases.")
    schema = Record(
        keys={
            "source": Text(),
            "image": Text(),
            "s3": Record(
                keys={
                    "bucket": Text(like=(*_CODE, "S3Bucket")),
                    "key": Text(like=(*_CODE, "S3Key")),
                    "version": Text(like=(*_CODE, "S3ObjectVersion")),
                },
                required=("bucket", "key"),
            ),
            "runtime": Text(),
            "handler": Text(like=(*_CREATE, "Handler")),
            "role": Text(like=(*_CREATE, "Role")),
            "description": Text(empty=True, like=(*_CREATE, "Description")),
            "environment": MapOf(Text(empty=True)),
            "memory": Whole(least=128, most=10240),
            "timeout": Whole(least=1, most=900),
            "layers": ListOf(Text()),
            "tags": TAGS,
            "aliases": Either((ListOf(_ALIAS_NAME), MapOf(Record(keys=_ALIAS), key=_ALIAS_NAME))),
            "functionUrl": URL,
            "events": ListOf(events.EVENT),
            "smoke": Either((SMOKE, ListOf(SMOKE))),
            "permissions": PERMISSIONS,
            "aws": Aws(
                service="lambda",
                operations=("CreateFunction", "PutFunctionConcurrency", "PutFunctionEventInvokeConfig"),
                instead=_INSTEAD,
            ),
        },
        one_of=("source", "s3", "image"),
        needs_one=True,
    )

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """Names, files, runtimes, reserved variables, and what an event source takes."""
        name, body = fixture.id.name, fixture.body
        if not NAME.fullmatch(name):
            yield fixture.problem((), f"{name!r} is not a function name (letters, digits, - and _; at most 64)")
        yield from package_problems(fixture)
        for path, text in (*function_problems(body), *tag_problems(body.get("tags", {}))):
            yield fixture.problem(path, text)
        for variable in body.get("environment", {}):
            if RESERVED.fullmatch(variable):
                yield fixture.problem(("environment", variable), "is reserved by Lambda")
        yield from file_problems(fixture)
        yield from event_problems(fixture)

    def check_together(self, fixtures: Mapping[ResourceId, Fixture]) -> Iterator[Problem]:
        """What sources need that feed a function: a stream, and messages that stay hidden for as long as it may run."""
        for fixture in fixtures.values():
            if fixture.id.service == self.name:
                yield from source_problems(fixture, fixtures)

    def needs(self, fixture: Fixture) -> Iterator[Need]:
        """Event sources, and the bucket of the code."""
        yield from events.needs(fixture.body.get("events", ()))
        if "s3" in fixture.body and "${ref:" not in fixture.body["s3"]["bucket"]:
            yield Need(target=ResourceId("s3", fixture.body["s3"]["bucket"]), path=("s3", "bucket"))

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """Name and ARN."""
        return {"name": name, "arn": f"arn:aws:lambda:{target.region}:{target.account}:function:{name}"}

    def names(self, target: Target) -> Iterable[str]:
        """All functions."""
        pages = target.pages("lambda", "ListFunctions")
        return [function["FunctionName"] for page in pages for function in page["Functions"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """One read for each function, and one or two for each part that is declared."""
        there = set(self.names(target))
        results = target.each(lambda look: self._observed(target, look), [look for look in looks if look.name in there])
        return {observed.id.name: observed for observed in results if observed is not None}

    def _observed(self, target: Target, look: Look) -> Observed | None:
        answer = target.find("lambda", "GetFunction", *_ABSENT, FunctionName=look.name)
        if answer is None:
            return None
        configuration, tags = answer["Configuration"], answer.get("Tags") or {}
        fields = {**configuration_fields(configuration), **tag_fields(tags)}
        attributes = {**self.predict(look.name, target), "arn": configuration["FunctionArn"]}
        fields |= _image(answer) | _invocation(target, look)
        if look.wants("layers"):
            declared = look.body.get("layers", [])
            fields["layers"] = layer_field(target, look.name, configuration.get("Layers") or [], declared)
        if look.wants("functionUrl"):
            url = function_url(target, look.name)
            fields["functionUrl"] = url_fields(url) if url else None
            attributes["url"] = url["FunctionUrl"] if url else ""
        if look.wants("aliases"):
            fields |= {f"aliases.{alias.name}": alias.state for alias in aliases_of(target, look.name, configuration)}
        sources: list[events.EventSource] = []
        if look.wants("events", events.PREFIX):
            sources = events.observed_sources(target, look.name, _buckets(look.body))
            for source in sources:
                fields |= source.fields()
        return Observed(
            id=ResourceId("lambda", look.name),
            fields=fields,
            attributes=attributes,
            tags=tags,
            spec=_Found({event_source.key: event_source for event_source in sources}, failure(configuration)),
        )

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: code, runtime, handler, …, environment.*, layers, aliases.*, functionUrl, events/*, smoke."""
        package = _Package(fixture, body, scope)
        fields: dict[str, Value] = {
            **package.fields(),
            **{ours: body[ours] for ours in SIMPLE.values() if ours in body},
            **{f"environment.{name}": value for name, value in body.get("environment", {}).items()},
            **{f"aws.{name}": value for name, value in body.get("aws", {}).items()},
            **tag_fields(body.get("tags", {})),
            **{f"aliases.{alias.name}": alias.state for alias in _aliases(body)},
            **permission_fields(body),
        }
        if "layers" in body:
            fields["layers"] = [layer.field for layer in package.layers]
        if "functionUrl" in body:
            fields["functionUrl"] = _desired_url(body["functionUrl"])
        for source in package.sources.values():
            fields |= source.fields()
        ledger = set()
        if body.get("smoke") and scope.target.can(LAMBDA_INVOKE):
            # Run again whenever what it proves has changed.
            parts = {path: value for path, value in fields.items() if not path.startswith(("tags.", events.PREFIX))}
            fields["smoke"] = KNOWN_LATER if package.code_hash == KNOWN_LATER else digest([body["smoke"], parts])
            ledger.add("smoke")
        return Desired(
            id=fixture.id,
            fields=fields,
            spec=package,
            secret=frozenset(path for path in fields if path.startswith("environment.") and _SECRET.search(path)),
            fixed=frozenset({"package"}),
            ledger=frozenset(ledger),
            verbatim=frozenset(path for path in fields if path.startswith(("aws.", PREFIX))) | package.verbatim,
        )

    def inspect(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002 - the emulator returns everything
        *,
        thorough: bool,
    ) -> Iterator[Difference]:
        """A function that cannot run; variables and event sources that nobody declared."""
        there: _Found = observed.spec
        if there.failure is not None and target.can(LAMBDA_INVOKE):
            yield Difference(path="state", old=there.failure, new="Active")
        if not thorough:
            return
        for path in observed.fields:
            if path.startswith("environment.") and path not in desired.fields:
                yield Difference(path=path, old=observed.fields[path], kind=DifferenceKind.EXTRA, secret=True)
        package: _Package = desired.spec
        sources = there.sources or {
            source.key: source for source in events.observed_sources(target, desired.id.name, ())
        }
        for key in sources:
            if key not in package.sources:
                yield Difference(path=events.PREFIX + key, old=True, kind=DifferenceKind.EXTRA)

    def remarks(self, target: Target, desired: Desired) -> Iterator[str]:
        """What this emulator cannot show."""
        if target.can(LAMBDA_INVOKE):
            return
        why = not_running(target.endpoint.driver)
        yield f"functions are created as declared but cannot run on {target.endpoint.driver}, {why}"
        if desired.spec.body.get("smoke"):
            yield f"{desired.id}: smoke cannot run on {target.endpoint.driver}, {why}"

    def create(self, target: Target, desired: Desired) -> Written:
        """The function, then what hangs on it; the smoke event last."""
        package: _Package = desired.spec
        tags = {path.removeprefix("tags."): text for path, text in desired.fields.items() if path.startswith("tags.")}
        role = package.body.get("role") or default_role(target)
        response = target.call(
            "lambda",
            "CreateFunction",
            FunctionName=desired.id.name,
            Code=package.code(),
            **{"Role": role, **_configuration(target, package, created=True)},
            Tags=target.tagged(tags),
        )
        settled(target, desired.id.name)
        url = put_url(target, desired.id.name, desired.fields.get("functionUrl"), there=False)
        for source in package.sources.values():
            events.connect(target, desired.id.name, source)
        _point_aliases(target, desired.id.name, package)
        self._put_invocation(target, desired, desired.fields, ())
        prove(target, desired)
        return Written(attributes={"arn": response["FunctionArn"], **({"url": url} if url else {})})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """Code, configuration, then what depends on it, only if it differs."""
        name, package = desired.id.name, desired.spec
        changed = {difference.path: difference.new for difference in differences}
        if {"code", "image", "state", "aws.Architectures"} & changed.keys():
            update_function(target, "UpdateFunctionCode", name, **package.code(), **machine(changed))
        if any(is_configuration(path) for path in changed):
            undeclared = [path for path, new in changed.items() if new is None and path not in desired.fields]
            sent = {**_configuration(target, package, created=False), **back_to_default(undeclared)}
            update_function(target, "UpdateFunctionConfiguration", name, **sent)
        self._put_invocation(target, desired, changed, [path for path in observed.fields if path.startswith(PREFIX)])
        _update_tags(target, observed.attributes["arn"], differences)
        url = ""
        if "functionUrl" in changed:
            there = observed.fields.get("functionUrl") is not None
            url = put_url(target, name, changed["functionUrl"], there=there) or ""
        _update_events(target, desired, observed, list(changed))
        gone = [
            path.removeprefix("aliases.") for path, new in changed.items() if path.startswith("aliases.") and not new
        ]
        for alias in gone:
            target.find("lambda", "DeleteAlias", *_ABSENT, FunctionName=name, Name=alias)
        published = (path for path, new in changed.items() if new or not path.startswith("aliases."))
        if any(path.startswith("aliases.") or path == "code" or is_configuration(path) for path in published):
            _point_aliases(target, name, package)
        if "smoke" in changed:
            prove(target, desired)
        return Written(attributes={"url": url} if url else {})

    def _put_invocation(
        self, target: Target, desired: Desired, changed: Mapping[str, Value], there: Iterable[str]
    ) -> None:
        put_invocation(target, desired.id.name, changed, desired.spec.body.get("aws", {}))
        permissions = {path: given for path, given in changed.items() if path.startswith(PREFIX)}
        put_permissions(target, desired.id.name, permissions, there)

    def delete(self, target: Target, observed: Observed) -> None:
        """With everything that feeds it."""
        for source in events.observed_sources(target, observed.id.name, ()):
            events.disconnect(target, observed.id.name, source)
        delete_function(target, observed.id.name)

    def export(self, target: Target, observed: Observed) -> Exported:
        """Configuration, and the code as a zip if the emulator gives it."""
        fields, name = observed.fields, observed.id.name
        body: dict[str, Value] = {
            ours: fields[ours]
            for ours in SIMPLE.values()
            if fields.get(ours) not in {None, ""} and fields[ours] != DEFAULTS.get(ours)
        }
        if str(body.get("role", "")).endswith(f"/{DEFAULT_ROLE}"):
            del body["role"]
        environment = {
            path.removeprefix("environment."): value
            for path, value in fields.items()
            if path.startswith("environment.")
        }
        accepteds = reported_parameters(name, fields) | {
            key: fields[f"aws.{key}"] for key in sorted(LATER) if fields.get(f"aws.{key}") is not None
        }
        permissions = {path.removeprefix(PREFIX): given for path, given in fields.items() if path.startswith(PREFIX)}
        code = exported_code(target, name, fields.get("image"))
        body |= {
            "environment": environment,
            "tags": {key: text for key, text in observed.tags.items() if key != labels.OWNER},
            "aws": accepteds,
            "permissions": dict(sorted(permissions.items())),
            "events": [events.exported(source) for _, source in sorted(_sources(observed).items())],
            "layers": list(code.layers),
            **exported_names(fields),
        }
        secret = [variable for variable in environment if _SECRET.search(variable)]
        hidden = (f"{', '.join(secret)} is in lambda.yaml, which only you can read",) if secret else ()
        return Exported(
            body={**code.body, **{key: value for key, value in body.items() if value}},
            files=code.files,
            secret_files=frozenset({"lambda.yaml"} if secret else ()),
            notes=(*code.notes, *older_aliases(fields), *permissions_left_out(target, name)),
            hints=hidden,
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a function beside its fields."""

    sources: Mapping[str, events.EventSource]
    failure: str | None


def _sources(observed: Observed) -> Mapping[str, events.EventSource]:
    return observed.spec.sources if isinstance(observed.spec, _Found) else {}


def _image(answer: Mapping[str, Any]) -> dict[str, Value]:
    is_image = answer["Configuration"].get("PackageType") == "Image"
    return {"image": answer.get("Code", {}).get("ImageUri")} if is_image else {}


def _invocation(target: Target, look: Look) -> dict[str, Value]:
    """Who may call the function and how, as far as that is declared."""
    fields = observed_permissions(target, look.name) if look.wants("permissions", PREFIX) else {}
    asked = look.all or any(f"aws.{key}" in look.applied or key in look.body.get("aws", {}) for key in LATER)
    return {**fields, **(observed_invocation(target, look.name) if asked else {})}


class _Package:
    """What a function's fixture brings: read from disk once, sent when it is needed."""

    def __init__(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> None:
        self.body = body
        self._content = packed(fixture.file(body["source"])) if "source" in body else None
        self._target = scope.target
        self.code_hash = code_hash(self._content) if self._content is not None else self._hash_elsewhere()
        self.layers: list[Layer] = [declared_layer(fixture, text) for text in body.get("layers", ())]
        given = [(events.declared(event, scope), event) for event in body.get("events", ())]
        self.sources: dict[str, events.EventSource] = {source.key: source for source, _ in given}
        self.verbatim = {
            f"{events.PREFIX}{source.key}.{name}" for source, event in given for name in event.get("aws", {})
        }
        """The fields of event sources that are written in AWS's own words."""

    def fields(self) -> dict[str, Value]:
        """What is compared of the package."""
        if "image" in self.body:
            return {"package": "Image", "image": self.body["image"]}
        return {"package": "Zip", "code": self.code_hash}

    def code(self) -> dict[str, Value]:
        """CreateFunction's Code, which is also what UpdateFunctionCode takes."""
        if "image" in self.body:
            return {"ImageUri": self.body["image"]}
        if self._content is not None:
            return {"ZipFile": self._content}
        place = self.body["s3"]
        version = {"S3ObjectVersion": place["version"]} if "version" in place else {}
        return {"S3Bucket": place["bucket"], "S3Key": place["key"], **version}

    def _hash_elsewhere(self) -> str:
        if "image" in self.body:
            return str(self.body["image"])
        place = self.body["s3"]
        version = {"VersionId": place["version"]} if "version" in place else {}
        absent = ("NoSuchBucket", "NoSuchKey", "404")
        response = self._target.find("s3", "GetObject", *absent, Bucket=place["bucket"], Key=place["key"], **version)
        return code_hash(response["Body"].read()) if response else KNOWN_LATER


def _buckets(body: Mapping[str, Value]) -> list[str]:
    return [event["bucket"] for event in body.get("events", ()) if "bucket" in event and "${" not in event["bucket"]]


def _aliases(body: Mapping[str, Value]) -> list[Alias]:
    given = body.get("aliases", {})
    named: Mapping[str, Value] = given if isinstance(given, dict) else dict.fromkeys(given)
    return [declared_alias(name, about or {}) for name, about in named.items()]


def _desired_url(given: Value) -> Value:
    if given is False:
        return None
    about = {} if given is True else given
    return {
        "AuthType": about.get("auth", "NONE"),
        "Cors": about.get("cors") or None,
        "InvokeMode": about.get("invokeMode", "BUFFERED"),
    }


def _configuration(target: Target, package: _Package, *, created: bool) -> dict[str, Any]:
    """As CreateFunction and UpdateFunctionConfiguration take it; Architectures belong to the code later on."""
    body = package.body
    sent: dict[str, Any] = {theirs: body[ours] for theirs, ours in SIMPLE.items() if ours in body}
    sent["Environment"] = {"Variables": dict(body.get("environment", {}))}
    left_out = LATER if created else LATER | {"Architectures", "CodeSigningConfigArn", "DurableConfig"}
    sent |= {name: value for name, value in body.get("aws", {}).items() if name not in left_out}
    if created and "image" in body:
        sent["PackageType"] = "Image"
    if package.layers:
        sent["Layers"] = [publish_layer(target, layer) for layer in package.layers]
    return sent


def _update_tags(target: Target, arn: str, differences: Sequence[Difference]) -> None:
    added, removed = tag_changes(differences)
    if added:
        target.call("lambda", "TagResource", Resource=arn, Tags=added)
    if removed:
        target.call("lambda", "UntagResource", Resource=arn, TagKeys=removed)


def _update_events(target: Target, desired: Desired, observed: Observed, paths: Sequence[str]) -> None:
    there = _sources(observed)
    name, sources = desired.id.name, desired.spec.sources
    for key, source in sources.items():
        path = events.PREFIX + key
        if not any(prefix == path or prefix.startswith(f"{path}.") for prefix in paths):
            continue
        if key in there:
            events.change(target, name, source, there[key])
        else:
            events.connect(target, name, source)
    gone = [path.removeprefix(events.PREFIX) for path in paths if path.startswith(events.PREFIX)]
    undeclared = [key for key in gone if key not in sources]
    if undeclared:
        event_sources = there or {
            event_source.key: event_source for event_source in events.observed_sources(target, name, ())
        }
        for key in undeclared:
            if key in event_sources:
                events.disconnect(target, name, event_sources[key])


def _point_aliases(target: Target, name: str, package: _Package) -> None:
    for alias in _aliases(package.body):
        point_alias(target, name, alias)
