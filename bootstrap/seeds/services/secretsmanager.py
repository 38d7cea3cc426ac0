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
from bootstrap.seeds.schema import POLICY, TAGS, Anything, Aws, Either, Flag, Record, Text, Whole
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.limits import secret_name_problem, tag_problems
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.target import Answer, Target
from bootstrap.yamltext.positions import ValuePath

_ABSENT = "ResourceNotFoundException"
_BATCH = 20
_MOST_BYTES = 65536

GENERATE = Record(keys={"length": Whole(least=1, most=4096), "alphabet": Text()})
_FROM_ENV = Either((Text(), Record(keys={"name": Text(), "default": Text(empty=True)}, required=("name",))))
_FILE = Either((Text(), Record(keys={"name": Text(), "binary": Flag()}, required=("name",))))
"""A file whose bytes are text becomes a text, unless it is said to be binary."""
_SOURCES = ("string", "json", "binary", "file", "env", "generate", "none")
_DELETION = "deletion"
"""The field of a secret that is in its recovery window."""


class SecretsManager(Service):
    """Secrets: a string, JSON or bytes; given, taken from a file or the environment, or generated."""

    name = "secretsmanager"
    schema = Record(
        keys={
            "string": Text(empty=True),
            "json": Anything(),
            "binary": Text(empty=True),
            "file": _FILE,
            "env": _FROM_ENV,
            "generate": GENERATE,
            "none": Flag(),
            "description": Text(empty=True, like=("secretsmanager", "CreateSecret", "Description")),
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
        yield from _value_problems(fixture)
        for path, spec in _generators(body.get("json"), ("json",)):
            if not isinstance(spec, dict) or set(spec) - {"length", "alphabet"}:
                yield fixture.problem(path, "must be a mapping of length and alphabet")

    def predict(self, name: str, target: Target) -> Mapping[str, str]:  # noqa: ARG002 - the ARN ends at random
        """The name alone."""
        return {"name": name, "id": name}

    attributes = ("name", "arn", "id")

    def names(self, target: Target) -> Iterable[str]:
        """All secrets, those in their recovery window too: each keeps its name from another."""
        return [secret["Name"] for secret in _listed(target)]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """Two bulk reads, and one per resource policy."""
        by_name = {look.name: look for look in looks}
        listed = [secret for secret in _listed(target) if secret["Name"] in by_name]
        readable = [secret["Name"] for secret in listed if not secret.get("DeletedDate")]
        values = self._values(target, readable)
        policies = dict(
            target.each(
                lambda name: (name, self._policy(target, name)),
                [name for name in readable if by_name[name].wants("policy")],
            )
        )
        return {
            secret["Name"]: _observed(secret, values.get(secret["Name"]), policies.get(secret["Name"]))
            for secret in listed
        }

    def _values(self, target: Target, names: Sequence[str]) -> dict[str, Answer]:
        batches = [list(names[start : start + _BATCH]) for start in range(0, len(names), _BATCH)]
        answers = target.each(lambda batch: self._batch(target, batch), batches)
        return {value["Name"]: value for values in answers for value in values}

    def _batch(self, target: Target, names: Sequence[str]) -> list[Answer]:
        """One by one if the whole batch is refused.

        Moto and LocalStack do so if one secret has no value, LocalStack if one was put as bytes that are not text.
        """
        refused = (_ABSENT, "InternalError")
        answer = target.find(self.name, "BatchGetSecretValue", *refused, SecretIdList=names)
        if answer is not None:
            return list(answer.get("SecretValues", ()))
        responses = (target.find(self.name, "GetSecretValue", _ABSENT, SecretId=name) for name in names)
        return [value for value in responses if value is not None]

    def _policy(self, target: Target, name: str) -> Value:
        answer = target.find(self.name, "GetResourcePolicy", _ABSENT, SecretId=name) or {}
        return policy_value(answer.get("ResourcePolicy"))

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: value (secret), description, policy, tags.*, aws.*."""
        fields: dict[str, Value] = tag_fields(body.get("tags", {}))
        if not body.get("none"):
            fields["value"] = _value(fixture, body, scope)
        if "description" in body:
            fields["description"] = body["description"]
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        for name, given in body.get("aws", {}).items():
            fields[f"aws.{name}"] = given
        verbatim = frozenset(path for path in fields if path.startswith("aws."))
        return Desired(id=fixture.id, fields=fields, secret=frozenset({"value"}), verbatim=verbatim, spec=body)

    def inspect(
        self,
        target: Target,  # noqa: ARG002 - what was observed says enough
        desired: Desired,  # noqa: ARG002
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002
        *,
        thorough: bool,  # noqa: ARG002
    ) -> Iterator[Difference]:
        """Whether it is in its recovery window, where nothing can be read or changed before it is restored."""
        if observed.fields.get(_DELETION):
            yield Difference(path=_DELETION, old=observed.fields[_DELETION])

    def create(self, target: Target, desired: Desired) -> Written:
        """One call, and one for a policy."""
        fields = desired.fields
        tags = {path.removeprefix("tags."): value for path, value in fields.items() if path.startswith("tags.")}
        response = target.call(
            self.name,
            "CreateSecret",
            Name=desired.id.name,
            Tags=_tag_list(target.tagged(tags)),
            **({"Description": fields["description"]} if "description" in fields else {}),
            **(_sent_value(fields["value"]) if "value" in fields else {}),
            **_aws(fields),
        )
        if "policy" in fields:
            self._put_policy(target, desired.id.name, fields["policy"])
        return Written(attributes={"arn": response["ARN"]})

    def update(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,  # noqa: ARG002 - the differences say enough
        differences: Sequence[Difference],
    ) -> Written:
        """One call for value and description, others as needed."""
        name = desired.id.name
        changed = {difference.path: difference.new for difference in differences}
        if _DELETION in changed:
            target.call(self.name, "RestoreSecret", SecretId=name)
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
        if observed.fields.get(_DELETION):
            return Exported(body={}, left_out=f"it is in its recovery window ({observed.fields[_DELETION]})")
        value = observed.fields["value"]
        if value is None:
            return self._exported(observed, {"none": True}, {})
        binary = isinstance(value, dict) and "binary" in value
        name = f"secrets/{_file_name(observed.id.name)}"
        content = base64.b64decode(value["binary"]) if binary else str(value).encode()
        reads_as_text = binary and isinstance(_bytes_value(content), str)
        return self._exported(
            observed, {"file": {"name": name, "binary": True} if reads_as_text else name}, {name: content}
        )

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
        given = {name: value for name, value in about.items() if value}
        return Exported(body={**body, **given}, files=files, secret_files=frozenset(files), notes=notes)


def _value_problems(fixture: Fixture) -> Iterator[Problem]:
    """Sizes, files and encodings."""
    body = fixture.body
    if wrong := secret_name_problem(fixture.id.name):
        yield fixture.problem((), wrong)
    yield from (fixture.problem(path, text) for path, text in tag_problems(body.get("tags", {})))
    if (size := _declared_size(fixture)) > _MOST_BYTES:
        yield fixture.problem((), f"a secret's value has at most {_MOST_BYTES} bytes, not {size}")
    if "file" in body and not fixture.file(_file(body)).is_file():
        yield fixture.problem(("file",), f"there is no file {_file(body)}")
    if body.get("none") is False:
        yield fixture.problem(("none",), "is true, or is left out")
    if "binary" in body and _decoded(body["binary"]) is None:
        yield fixture.problem(("binary",), "is not base64")


def _listed(target: Target) -> list[Answer]:
    pages = target.pages("secretsmanager", "ListSecrets", IncludePlannedDeletion=True)
    return [secret for page in pages for secret in page["SecretList"]]


def _file(body: Mapping[str, Value]) -> str:
    """The name of the file that the value is in."""
    given = body["file"]
    return str(given["name"] if isinstance(given, dict) else given)


def _declared_size(fixture: Fixture) -> int:
    """Bytes of a value that is known before it is applied; 0 for one that is not."""
    body = fixture.body
    if "file" in body and fixture.file(_file(body)).is_file():
        return fixture.file(_file(body)).stat().st_size
    if "json" in body:
        return len(_json_text(body["json"]).encode())
    if "binary" in body:
        return len(_decoded(body["binary"]) or b"")
    return len(body.get("string", "").encode())


def _file_name(name: str) -> str:
    """One for each secret: no secret's name holds a comma."""
    plain = name.replace("/", ",")
    return plain if plain.strip(".") else f"{plain},"


def _observed(listed: Answer, value: Answer | None, policy: Value) -> Observed:
    tags = {tag["Key"]: tag.get("Value", "") for tag in listed.get("Tags", ())}
    fields = {
        "value": _read_value(value),
        _DELETION: f"deleted on {listed['DeletedDate']}" if listed.get("DeletedDate") else None,
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
        content = fixture.file(_file(body)).read_bytes()
        binary = isinstance(body["file"], dict) and body["file"].get("binary")
        return {"binary": base64.b64encode(content).decode()} if binary else _bytes_value(content)
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
    generated = scope.generated.value_of(fixture.id, key)
    if generated is not None:
        return generated
    current = _standing(path, scope.observed)
    if current is not None:
        return scope.generated.keep(fixture.id, key, current) if scope.writes else current
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
