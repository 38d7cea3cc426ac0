"""AWS Secrets Manager."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import InvalidError, Problem
from bootstrap.model import labels
from bootstrap.seeds.generated_secrets import generate
from bootstrap.seeds.model import KNOWN_LATER, Desired, Difference, Fixture, Observed, ResourceId, Value
from bootstrap.seeds.schema import POLICY, TAGS, Anything, Aws, Either, Record, Text, Whole
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.target import Answer, Target
from bootstrap.yamltext.positions import ValuePath

_ABSENT = "ResourceNotFoundException"
_BATCH = 20
_MOST_BYTES = 65536

GENERATE = Record(keys={"length": Whole(least=1, most=4096), "alphabet": Text()})
_FROM_ENV = Either((Text(), Record(keys={"name": Text(), "default": Text(empty=True)}, required=("name",))))
_SOURCES = ("string", "json", "binary", "file", "env", "generate")


class SecretsManager(Service):
    """Secrets: a string, JSON or bytes; given, taken from a file or the environment, or generated."""

    name = "secretsmanager"
    schema = Record(
        keys={
            "string": Text(empty=True),
            "json": Anything(),
            "binary": Text(empty=True),
            "file": Text(),
            "env": _FROM_ENV,
            "generate": GENERATE,
            "description": Text(empty=True),
            "tags": TAGS,
            "policy": POLICY,
            "aws": Aws(
                service="secretsmanager",
                operations=("CreateSecret",),
                instead={
                    "Name": "it is the fixture's key",
                    "SecretString": "write string or json",
                    "SecretBinary": "write binary",
                    "Tags": "write tags",
                    "Description": "write description",
                    "ClientRequestToken": "emulators do not keep it",
                    "ForceOverwriteReplicaSecret": "replicas are not supported",
                    "AddReplicaRegions": "replicas are not supported",
                },
            ),
        },
        one_of=_SOURCES,
        needs_one=True,
    )

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """Names, files and encodings."""
        body = fixture.body
        allowed = frozenset("/_+=.@-")
        strange = [
            letter
            for letter in fixture.id.name
            if not (letter.isascii() and letter.isalnum()) and letter not in allowed
        ]
        if strange:
            yield fixture.problem((), f"a secret's name may not contain {strange[0]!r}")
        if "file" in body and not fixture.file(body["file"]).is_file():
            yield fixture.problem(("file",), f"there is no file {body['file']}")
        if "binary" in body and _decoded(body["binary"]) is None:
            yield fixture.problem(("binary",), "is not base64")
        for path, spec in _generators(body.get("json"), ("json",)):
            if not isinstance(spec, dict) or set(spec) - {"length", "alphabet"}:
                yield fixture.problem(path, "must be a mapping of length and alphabet")

    def predict(self, name: str, target: Target) -> Mapping[str, str]:  # noqa: ARG002 - the ARN ends at random
        """The name alone."""
        return {"name": name, "id": name}

    attributes = ("name", "arn", "id")

    def names(self, target: Target) -> Iterable[str]:
        """All secrets."""
        return [secret["Name"] for page in target.pages(self.name, "ListSecrets") for secret in page["SecretList"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """Two bulk reads, and one per resource policy."""
        wanted = {look.name: look for look in looks}
        listed = [
            secret
            for page in target.pages(self.name, "ListSecrets")
            for secret in page["SecretList"]
            if secret["Name"] in wanted
        ]
        values = self._values(target, [secret["Name"] for secret in listed])
        policies = dict(
            target.each(
                lambda name: (name, self._policy(target, name)),
                [secret["Name"] for secret in listed if wanted[secret["Name"]].wants("policy")],
            )
        )
        return {one["Name"]: _observed(one, values.get(one["Name"]), policies.get(one["Name"])) for one in listed}

    def _values(self, target: Target, names: Sequence[str]) -> dict[str, Answer]:
        batches = [list(names[start : start + _BATCH]) for start in range(0, len(names), _BATCH)]
        answers = target.each(lambda batch: self._batch(target, batch), batches)
        return {value["Name"]: value for values in answers for value in values}

    def _batch(self, target: Target, names: Sequence[str]) -> list[Answer]:
        """Moto refuses the whole batch where one secret has no value."""
        answer = target.find(self.name, "BatchGetSecretValue", _ABSENT, SecretIdList=names)
        if answer is not None:
            return list(answer.get("SecretValues", ()))
        found = (target.find(self.name, "GetSecretValue", _ABSENT, SecretId=name) for name in names)
        return [value for value in found if value is not None]

    def _policy(self, target: Target, name: str) -> Value:
        answer = target.find(self.name, "GetResourcePolicy", _ABSENT, SecretId=name) or {}
        return policy_value(answer.get("ResourcePolicy"))

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: value (secret), description, policy, tags.*, aws.*."""
        fields: dict[str, Value] = {"value": _value(fixture, body, scope), **tag_fields(body.get("tags", {}))}
        if "description" in body:
            fields["description"] = body["description"]
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        for name, given in body.get("aws", {}).items():
            fields[f"aws.{name}"] = given
        verbatim = frozenset(path for path in fields if path.startswith("aws."))
        return Desired(id=fixture.id, fields=fields, secret=frozenset({"value"}), verbatim=verbatim, spec=body)

    def create(self, target: Target, desired: Desired) -> Written:
        """One call, and one for a policy."""
        fields = desired.fields
        tags = {path.removeprefix("tags."): value for path, value in fields.items() if path.startswith("tags.")}
        made = target.call(
            self.name,
            "CreateSecret",
            Name=desired.id.name,
            Tags=_tag_list(target.tagged(tags)),
            **({"Description": fields["description"]} if "description" in fields else {}),
            **_sent_value(fields["value"]),
            **_aws(fields),
        )
        if "policy" in fields:
            self._put_policy(target, desired.id.name, fields["policy"])
        return Written(attributes={"arn": made["ARN"]})

    def update(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,  # noqa: ARG002 - the differences say enough
        differences: Sequence[Difference],
    ) -> Written:
        """One call for value and description, others as needed."""
        name = desired.id.name
        changed = {one.path: one.new for one in differences}
        sent = {
            **(_sent_value(changed["value"]) if "value" in changed else {}),
            **({"Description": changed["description"] or ""} if "description" in changed else {}),
            **_aws(changed),
        }
        if sent:
            target.call(self.name, "UpdateSecret", SecretId=name, **sent)
        added, removed = tag_changes(differences)
        if added:
            target.call(self.name, "TagResource", SecretId=name, Tags=_tag_list(added))
        if removed:
            target.call(self.name, "UntagResource", SecretId=name, TagKeys=removed)
        if "policy" in changed:
            self._put_policy(target, name, changed["policy"])
        return Written()

    def _put_policy(self, target: Target, name: str, policy: Value) -> None:
        if policy is None:
            target.call(self.name, "DeleteResourcePolicy", SecretId=name)
        else:
            target.call(self.name, "PutResourcePolicy", SecretId=name, ResourcePolicy=policy_text(policy))

    def delete(self, target: Target, observed: Observed) -> None:
        """At once: a secret in its recovery window would be in the way of the next one of its name."""
        target.find(self.name, "DeleteSecret", _ABSENT, SecretId=observed.id.name, ForceDeleteWithoutRecovery=True)

    def export(self, target: Target, observed: Observed) -> Exported:  # noqa: ARG002 - all is in what was observed
        """The value goes to a file of its own, 0600."""
        value = observed.fields["value"]
        if value is None:
            return self._exported(observed, {"string": ""}, {}, ("it has no value: it is declared as empty",))
        binary = isinstance(value, dict) and "binary" in value
        name = f"secrets/{_file_name(observed.id.name)}"
        content = base64.b64decode(value["binary"]) if binary else str(value).encode()
        return self._exported(observed, {"file": name}, {name: content})

    def _exported(
        self, observed: Observed, body: dict[str, Value], files: Mapping[str, bytes], notes: tuple[str, ...] = ()
    ) -> Exported:
        key = observed.fields.get("aws.KmsKeyId")
        about = {
            "description": observed.fields.get("description"),
            "tags": {key: text for key, text in observed.tags.items() if key != labels.OWNER},
            "policy": observed.fields.get("policy"),
            "aws": {"KmsKeyId": key} if key else None,
        }
        given = {name: one for name, one in about.items() if one}
        return Exported(body={**body, **given}, files=files, secret_files=frozenset(files), notes=notes)


def _file_name(name: str) -> str:
    """One for each secret: no secret's name holds a comma."""
    plain = name.replace("/", ",")
    return plain if plain.strip(".") else f"{plain},"


def _observed(listed: Answer, value: Answer | None, policy: Value) -> Observed:
    tags = {tag["Key"]: tag.get("Value", "") for tag in listed.get("Tags", ())}
    fields = {
        "value": _read_value(value),
        "description": listed.get("Description") or None,
        "policy": policy,
        "aws.KmsKeyId": listed.get("KmsKeyId"),
        **tag_fields(tags),
    }
    attributes = {"name": listed["Name"], "id": listed["Name"], "arn": listed["ARN"]}
    return Observed(id=_id(listed["Name"]), fields=fields, attributes=attributes, tags=tags)


def _read_value(answer: Answer | None) -> Value:
    if answer is None:
        return None
    if answer.get("SecretBinary") is not None:
        return {"binary": base64.b64encode(answer["SecretBinary"]).decode()}
    return answer.get("SecretString")


def _value(fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Value:
    """Text, or `{binary: base64}`."""
    if "json" in body:
        return _json_text(_filled(body["json"], ("json",), fixture, scope))
    if "generate" in body:
        return _generated(body["generate"], ("generate",), fixture, scope)
    if "file" in body:
        return _bytes_value(fixture.file(body["file"]).read_bytes())
    if "env" in body:
        return _from_environment(fixture, body["env"], scope)
    if "binary" in body:
        return {"binary": base64.b64encode(_decoded(body["binary"]) or b"").decode()}
    return body["string"]


def _filled(value: Any, path: ValuePath, fixture: Fixture, scope: Scope) -> Value:  # noqa: ANN401 - the user's JSON
    """JSON with `{generate: …}` replaced."""
    match value:
        case {"generate": dict() as spec} if len(value) == 1:
            return _generated(spec, path, fixture, scope)
        case dict():
            return {key: _filled(inner, (*path, key), fixture, scope) for key, inner in value.items()}
        case list():
            return [_filled(inner, (*path, number), fixture, scope) for number, inner in enumerate(value)]
        case _:
            return value


def _generators(value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, Any]]:  # noqa: ANN401 - the user's JSON
    match value:
        case {"generate": spec} if len(value) == 1:
            yield (*path, "generate"), spec
        case dict():
            for key, inner in value.items():
                yield from _generators(inner, (*path, key))
        case list():
            for number, inner in enumerate(value):
                yield from _generators(inner, (*path, number))
        case _:
            return


def _generated(spec: Mapping[str, Value], path: ValuePath, fixture: Fixture, scope: Scope) -> str:
    """The remembered value; else the one in the emulator; else, where writing is allowed, a new one."""
    key = "/".join(map(str, path))
    known = scope.generated.known(fixture.id, key)
    if known is not None:
        return known
    found = _standing(path, scope.observed)
    if found is not None:
        return scope.generated.keep(fixture.id, key, found) if scope.writes else found
    return scope.generated.keep(fixture.id, key, generate(**spec)) if scope.writes else KNOWN_LATER


def _standing(path: ValuePath, observed: Observed | None) -> str | None:
    """The value that the emulator holds at the place of a generated one: state folders get lost."""
    value = observed.fields.get("value") if observed is not None else None
    if not isinstance(value, str) or path == ("generate",):
        return value if isinstance(value, str) else None
    try:
        inside = json.loads(value)
        for part in path[1:]:
            inside = inside[part]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return inside if isinstance(inside, str) else None


def _from_environment(fixture: Fixture, given: Value, scope: Scope) -> str:
    spec = {"name": given} if isinstance(given, str) else given
    value = scope.environment.get(spec["name"], spec.get("default"))
    if value is None:
        name = spec["name"]
        text = f"the environment variable {name} is not set (give it a default: {{name: {name}, default: …}})"
        raise InvalidError([fixture.problem(("env",), text)])
    return str(value)


def _json_text(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bytes_value(content: bytes) -> Value:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"binary": base64.b64encode(content).decode()}


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _sent_value(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return {"SecretBinary": base64.b64decode(value["binary"])}
    return {"SecretString": value}


def _aws(fields: Mapping[str, Value]) -> dict[str, Value]:
    return {path.removeprefix("aws."): value for path, value in fields.items() if path.startswith("aws.")}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _id(name: str) -> ResourceId:
    return ResourceId("secretsmanager", name)
