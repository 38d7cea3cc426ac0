"""AWS Lambda."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import Problem
from bootstrap.model import labels
from bootstrap.seeds.aws_shapes import accepted, members
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
from bootstrap.seeds.schema import TAGS, Anything, Aws, Either, Flag, ListOf, MapOf, Record, Text, Whole
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
from bootstrap.seeds.services.lambda_.checks import NAME, RESERVED, RUNTIME, event_problems, file_problems
from bootstrap.seeds.services.lambda_.code import code_hash, packed
from bootstrap.seeds.services.lambda_.configuration import (
    AWS_DEFAULTS,
    DEFAULT_ROLE,
    DEFAULTS,
    SIMPLE,
    back_to_default,
    configuration_fields,
    default_role,
    is_configuration,
    machine,
    settled,
)
from bootstrap.seeds.services.lambda_.export import exported_code, exported_names
from bootstrap.seeds.services.lambda_.smoke import LAMBDA_INVOKE, SMOKE, prove
from bootstrap.seeds.target import Target
from bootstrap.yamltext.positions import nearest

"""The capability of an emulator that runs functions."""

_ABSENT = ("ResourceNotFoundException",)
_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)
_INSTEAD = {
    "FunctionName": "it is the fixture's key",
    "Code": "write source or s3",
    "Environment": "write environment",
    "Layers": "write layers",
    "Tags": "write tags",
    "Publish": "write aliases",
    "PackageType": "only zip packages can be declared",
    "ImageConfig": "only zip packages can be declared",
    **{name: f"write {ours}" for name, ours in SIMPLE.items()},
}

URL = Either(
    (Flag(), Record(keys={"auth": Text(choices=("NONE", "AWS_IAM")), "cors": MapOf(Anything()), "invokeMode": Text()}))
)


class Lambda(Service):
    """Functions with code, configuration, aliases, URL, event sources and a smoke test."""

    name = "lambda"
    attributes = ("name", "arn", "url")
    contents = (events.PREFIX, "aliases.")
    schema = Record(
        keys={
            "source": Text(),
            "s3": Record(keys={"bucket": Text(), "key": Text(), "version": Text()}, required=("bucket", "key")),
            "runtime": Text(),
            "handler": Text(),
            "role": Text(),
            "description": Text(empty=True),
            "environment": MapOf(Text(empty=True)),
            "memory": Whole(least=128, most=10240),
            "timeout": Whole(least=1, most=900),
            "layers": ListOf(Text()),
            "tags": TAGS,
            "aliases": Either((ListOf(Text()), MapOf(Record(keys={"version": Text(), "description": Text()})))),
            "functionUrl": URL,
            "events": ListOf(events.EVENT),
            "smoke": Either((SMOKE, ListOf(SMOKE))),
            "aws": Aws(service="lambda", operations=("CreateFunction",), instead=_INSTEAD),
        },
        required=("runtime", "handler"),
        one_of=("source", "s3"),
        needs_one=True,
    )

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """Names, files, runtimes, reserved variables, and what an event source takes."""
        name, body = fixture.id.name, fixture.body
        if not NAME.fullmatch(name):
            yield fixture.problem((), f"{name!r} is not a function name (letters, digits, - and _; at most 64)")
        if not RUNTIME.fullmatch(body["runtime"]) and "${" not in body["runtime"]:
            known = getattr(members("lambda", "CreateFunction")["Runtime"], "enum", ())
            near = nearest(body["runtime"], known)
            hint = f" (did you mean {near}?)" if near else ""
            yield fixture.problem(("runtime",), f"{body['runtime']!r} is not a runtime{hint}")
        for variable in body.get("environment", {}):
            if RESERVED.fullmatch(variable):
                yield fixture.problem(("environment", variable), "is reserved by Lambda")
        yield from file_problems(fixture)
        yield from event_problems(fixture)

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
        return [one["FunctionName"] for page in pages for one in page["Functions"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """One read for each function, and one or two for each part that is declared."""
        there = set(self.names(target))
        found = target.each(lambda look: self._observed(target, look), [look for look in looks if look.name in there])
        return {one.id.name: one for one in found if one is not None}

    def _observed(self, target: Target, look: Look) -> Observed | None:
        answer = target.find("lambda", "GetFunction", *_ABSENT, FunctionName=look.name)
        if answer is None:
            return None
        configuration, tags = answer["Configuration"], answer.get("Tags") or {}
        fields = {**configuration_fields(configuration), **tag_fields(tags)}
        attributes = {**self.predict(look.name, target), "arn": configuration["FunctionArn"]}
        if look.wants("layers"):
            declared = look.body.get("layers", [])
            fields["layers"] = layer_field(target, look.name, configuration.get("Layers") or [], declared)
        if look.wants("functionUrl"):
            url = function_url(target, look.name)
            fields["functionUrl"] = url_fields(url) if url else None
            attributes["url"] = url["FunctionUrl"] if url else ""
        if look.wants("aliases"):
            fields |= {f"aliases.{one.name}": one.state for one in aliases_of(target, look.name, configuration)}
        sources: list[events.EventSource] = []
        if look.wants("events", events.PREFIX):
            sources = events.found(target, look.name, _buckets(look.body))
            for one in sources:
                fields |= one.fields()
        return Observed(
            id=ResourceId("lambda", look.name),
            fields=fields,
            attributes=attributes,
            tags=tags,
            spec={one.key: one for one in sources},
        )

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: code, runtime, handler, …, environment.*, layers, aliases.*, functionUrl, events/*, smoke."""
        package = _Package(fixture, body, scope)
        fields: dict[str, Value] = {
            "code": package.code_hash,
            **{ours: body[ours] for ours in SIMPLE.values() if ours in body},
            **{f"environment.{name}": value for name, value in body.get("environment", {}).items()},
            **{f"aws.{name}": value for name, value in body.get("aws", {}).items()},
            **tag_fields(body.get("tags", {})),
            **{f"aliases.{one.name}": one.state for one in _aliases(body)},
        }
        if "layers" in body:
            fields["layers"] = [one.field for one in package.layers]
        if "functionUrl" in body:
            fields["functionUrl"] = _wanted_url(body["functionUrl"])
        for one in package.sources.values():
            fields |= one.fields()
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
            ledger=frozenset(ledger),
            verbatim=frozenset(path for path in fields if path.startswith("aws.")) | package.verbatim,
        )

    def inspect(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002 - the emulator tells everything
        *,
        thorough: bool,
    ) -> Iterator[Difference]:
        """Variables and event sources that nobody declared."""
        if not thorough:
            return
        for path in observed.fields:
            if path.startswith("environment.") and path not in desired.fields:
                yield Difference(path=path, old=observed.fields[path], kind=DifferenceKind.EXTRA, secret=True)
        package: _Package = desired.spec
        found = observed.spec or {one.key: one for one in events.found(target, desired.id.name, ())}
        for key in found:
            if key not in package.sources:
                yield Difference(path=events.PREFIX + key, old=True, kind=DifferenceKind.EXTRA)

    def remarks(self, target: Target, desired: Desired) -> Iterator[str]:
        """What this emulator cannot show."""
        if desired.spec.body.get("smoke") and not target.can(LAMBDA_INVOKE):
            yield f"{desired.id}: smoke cannot run on {target.endpoint.driver}, which does not run functions"

    def create(self, target: Target, desired: Desired) -> Written:
        """The function, then what hangs on it; the smoke event last."""
        package: _Package = desired.spec
        tags = {path.removeprefix("tags."): text for path, text in desired.fields.items() if path.startswith("tags.")}
        role = package.body.get("role") or default_role(target)
        made = target.call(
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
        prove(target, desired)
        return Written(attributes={"arn": made["FunctionArn"], **({"url": url} if url else {})})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """Code, configuration, then what hangs on it, only where it differs."""
        name, package = desired.id.name, desired.spec
        changed = {one.path: one.new for one in differences}
        if "code" in changed or "aws.Architectures" in changed:
            target.call("lambda", "UpdateFunctionCode", FunctionName=name, **package.code(), **machine(changed))
            settled(target, name)
        if any(is_configuration(path) for path in changed):
            undeclared = [path for path, new in changed.items() if new is None and path not in desired.fields]
            sent = {**_configuration(target, package, created=False), **back_to_default(undeclared)}
            target.call("lambda", "UpdateFunctionConfiguration", FunctionName=name, **sent)
            settled(target, name)
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

    def delete(self, target: Target, observed: Observed) -> None:
        """With everything that feeds it."""
        for source in events.found(target, observed.id.name, ()):
            events.disconnect(target, observed.id.name, source)
        target.find("lambda", "DeleteFunction", *_ABSENT, FunctionName=observed.id.name)

    def export(self, target: Target, observed: Observed) -> Exported:
        """Configuration, and the code as a zip where the emulator gives it."""
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
        told = {name: accepted("lambda", "CreateFunction", name, fields.get(f"aws.{name}")) for name in AWS_DEFAULTS}
        if (told["LoggingConfig"] or {}).get("LogGroup") == f"/aws/lambda/{name}":
            del told["LoggingConfig"]["LogGroup"]
        code = exported_code(target, name)
        body |= {
            "environment": environment,
            "tags": {key: text for key, text in observed.tags.items() if key != labels.OWNER},
            "aws": {key: value for key, value in told.items() if value and value != AWS_DEFAULTS[key]},
            "events": [events.exported(one) for one in (observed.spec or {}).values()],
            "layers": list(code.layers),
            **exported_names(fields),
        }
        secret = [variable for variable in environment if _SECRET.search(variable)]
        hidden = (f"{', '.join(secret)} stands in lambda.yaml, readable by you alone",) if secret else ()
        return Exported(
            body={"source": code.source, **{key: value for key, value in body.items() if value}},
            files=code.files,
            secret_files=frozenset({"lambda.yaml"} if secret else ()),
            notes=(*code.notes, *hidden),
        )


class _Package:
    """What a function's fixture brings: read from disk once, sent when it is needed."""

    def __init__(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> None:
        self.body = body
        self._content = packed(fixture.file(body["source"])) if "source" in body else None
        self._target = scope.target
        self.code_hash = code_hash(self._content) if self._content is not None else self._hash_in_bucket()
        self.layers: list[Layer] = [declared_layer(fixture, text) for text in body.get("layers", ())]
        given = [(events.declared(one, scope), one) for one in body.get("events", ())]
        self.sources = {source.key: source for source, _ in given}
        self.verbatim = {f"{events.PREFIX}{source.key}.{name}" for source, one in given for name in one.get("aws", {})}
        """The fields of event sources that are written in AWS's own words."""

    def code(self) -> dict[str, Value]:
        """CreateFunction's Code, which is also what UpdateFunctionCode takes."""
        if self._content is not None:
            return {"ZipFile": self._content}
        place = self.body["s3"]
        version = {"S3ObjectVersion": place["version"]} if "version" in place else {}
        return {"S3Bucket": place["bucket"], "S3Key": place["key"], **version}

    def _hash_in_bucket(self) -> str:
        place = self.body["s3"]
        version = {"VersionId": place["version"]} if "version" in place else {}
        absent = ("NoSuchBucket", "NoSuchKey", "404")
        found = self._target.find("s3", "GetObject", *absent, Bucket=place["bucket"], Key=place["key"], **version)
        return code_hash(found["Body"].read()) if found else KNOWN_LATER


def _buckets(body: Mapping[str, Value]) -> list[str]:
    return [one["bucket"] for one in body.get("events", ()) if "bucket" in one and "${" not in one["bucket"]]


def _aliases(body: Mapping[str, Value]) -> list[Alias]:
    given = body.get("aliases", {})
    named: Mapping[str, Value] = given if isinstance(given, dict) else dict.fromkeys(given)
    return [declared_alias(name, about or {}) for name, about in named.items()]


def _wanted_url(given: Value) -> Value:
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
    only_created = {"Architectures", "CodeSigningConfigArn", "DurableConfig"}
    sent |= {name: value for name, value in body.get("aws", {}).items() if created or name not in only_created}
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
    there: Mapping[str, events.EventSource] = observed.spec or {}
    name, wanted = desired.id.name, desired.spec.sources
    for key, source in wanted.items():
        path = events.PREFIX + key
        if not any(one == path or one.startswith(f"{path}.") for one in paths):
            continue
        if key in there:
            events.change(target, name, source, there[key])
        else:
            events.connect(target, name, source)
    gone = [path.removeprefix(events.PREFIX) for path in paths if path.startswith(events.PREFIX)]
    undeclared = [key for key in gone if key not in wanted]
    if undeclared:
        found = there or {one.key: one for one in events.found(target, name, ())}
        for key in undeclared:
            if key in found:
                events.disconnect(target, name, found[key])


def _point_aliases(target: Target, name: str, package: _Package) -> None:
    for alias in _aliases(package.body):
        point_alias(target, name, alias)
