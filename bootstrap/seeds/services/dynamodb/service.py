"""Amazon DynamoDB."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import InvalidError, Problem
from bootstrap.model import labels
from bootstrap.seeds.model import Desired, Difference, DifferenceKind, Fixture, Observed, ResourceId, Value
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.dynamodb import table as table_words
from bootstrap.seeds.services.dynamodb.contents import Contents
from bootstrap.seeds.services.dynamodb.index_keys import index_keys
from bootstrap.seeds.services.dynamodb.items import ItemError, canonical, source_problems, to_item
from bootstrap.seeds.services.dynamodb.keys import Keys, remember, remembered
from bootstrap.seeds.services.dynamodb.limits import definition_problems
from bootstrap.seeds.services.dynamodb.table import Definition
from bootstrap.seeds.services.limits import table_problems, tag_problems
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.target import Answer, AwsError, Target

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")
_ABSENT = ("ResourceNotFoundException", "ResourceNotFound", "TableNotFoundException")
_NO_POLICY = ("PolicyNotFoundException", *_ABSENT)
_NO_POLICIES = ("UnknownOperationException", "UnknownOperation")
"""What an emulator answers that has no resource policies, such as DynamoDB Local."""
_STREAM_LEFT = re.compile(r"Stream __ddb_stream_\S+ already exists")
_POLL_SECONDS = 0.2
_DEADLINE_SECONDS = 60
_SMALL = 2000
"""Tables of at most so many items are compared item by item on every run, larger ones by their count."""
_SHOWN = 50


class DynamoDB(Service):
    """Tables with their indexes and items."""

    name = "dynamodb"
    attributes = ("name", "arn", "id", "streamArn")
    schema = table_words.SCHEMA

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """The name, contradictions, files and inline items."""
        if not _NAME.fullmatch(fixture.id.name):
            yield fixture.problem((), "a table's name has 3 to 255 letters, digits, '_', '.' and '-'")
        wrong = list(table_words.conflicts(fixture.body))
        for path, text in (*wrong, *source_problems(fixture)):
            yield fixture.problem(path, text)
        yield from (fixture.problem(path, text) for path, text in tag_problems(fixture.body.get("tags", {})))
        if not wrong:
            definition = table_words.definition(fixture.body)
            yield from (fixture.problem((), text) for text in table_problems(definition))
            yield from (fixture.problem(path, text) for path, text in definition_problems(definition, fixture.body))
            yield from _item_problems(fixture)

    def lint(self, fixture: Fixture) -> Iterable[Problem]:
        """Every item of every file."""
        try:
            Contents.of(fixture, fixture.body, table_words.definition(fixture.body)).summary()
        except InvalidError as error:
            return error.problems
        return ()

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """All but the stream's ARN."""
        return {"name": name, "id": name, "arn": f"arn:aws:dynamodb:{target.region}:{target.account}:table/{name}"}

    def names(self, target: Target) -> Iterable[str]:
        """All tables."""
        return [name for page in target.pages(self.name, "ListTables") for name in page["TableNames"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """Definition and tags of each table; more if it is declared."""
        results = target.each(lambda look: self._observe(target, look), looks)
        return {observed.id.name: observed for observed in results if observed is not None}

    def _observe(self, target: Target, look: Look) -> Observed | None:
        answer = target.find(self.name, "DescribeTable", *_ABSENT, TableName=look.name)
        if answer is None:
            return None
        table = answer["Table"]
        arn = table["TableArn"]
        tags = {tag["Key"]: tag.get("Value", "") for tag in _tags(target, arn)}
        lifetime = None
        if look.wants("ttl") or "TimeToLiveSpecification" in look.body.get("aws", {}):
            lifetime = target.call(self.name, "DescribeTimeToLive", TableName=look.name)["TimeToLiveDescription"]
        definition = table_words.described(table, lifetime)
        fields = {**table_words.fields(definition), **tag_fields(tags)}
        if look.wants("policy"):
            policy = target.find(self.name, "GetResourcePolicy", *_NO_POLICY, *_NO_POLICIES, ResourceArn=arn) or {}
            fields["policy"] = policy_value(policy.get("Policy"))
        attributes = {**self.predict(look.name, target), "arn": arn}
        if table.get("LatestStreamArn"):
            attributes["streamArn"] = table["LatestStreamArn"]
        return Observed(
            id=_id(look.name), fields=fields, tags=tags, attributes=attributes, spec=(definition, table["ItemCount"])
        )

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:  # noqa: ARG002 - all is declared
        """Fields as `dynamodb_table.fields`, and `items`: what the sources are."""
        definition = table_words.definition(body)
        contents = Contents.of(fixture, body, definition)
        fields = {**table_words.fields(definition), **tag_fields(body.get("tags", {}))}
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        if contents.declared:
            fields["items"] = contents.fingerprint()
        defaults = {f"aws.{name}" for name in definition if f"aws.{name}" in fields}
        return Desired(
            id=fixture.id,
            fields=fields,
            fixed=frozenset({"keys", "localIndexes"}),
            ledger=frozenset({"items", *defaults}),
            verbatim=frozenset(defaults),
            spec=(definition, contents),
        )

    def verify(self, desired: Desired) -> None:
        """Every item of every file, before anything is written."""
        contents: Contents = desired.spec[1]
        contents.summary()

    def inspect(
        self, target: Target, desired: Desired, observed: Observed, notes: Mapping[str, Value], *, thorough: bool
    ) -> Iterator[Difference]:
        """Items: one by one, or for a large table only their number."""
        contents: Contents = desired.spec[1]
        there = observed.spec[1]
        declared = notes.get("items.count", 0)
        if not contents.declared and not (declared and thorough):
            if thorough and there:
                yield Difference(path="items", old=f"{there} items", kind=DifferenceKind.EXTRA)
            return
        applied = contents.declared and notes.get("items") == desired.fields["items"]
        if thorough or (applied and max(there, declared) <= _SMALL):
            total = notes.get("items.total") if applied else None
            differences = contents.differences(target, desired.id.name, total, most=_SHOWN, applied=applied)
            yield from (
                difference for difference in differences if thorough or difference.kind is not DifferenceKind.EXTRA
            )
        elif applied and there < declared:
            yield Difference(path="items.count", old=there, new=declared, kind=DifferenceKind.DRIFTED)

    def create(self, target: Target, desired: Desired) -> Written:
        """The table with its tags, then what CreateTable does not take, then its items."""
        definition: Definition = dict(desired.spec[0])
        lifetime = definition.pop("TimeToLiveSpecification", None)
        tags = {path.removeprefix("tags."): value for path, value in desired.fields.items() if path.startswith("tags.")}
        name = desired.id.name
        tag_list = [{"Key": key, "Value": value} for key, value in target.tagged(tags).items()]
        answer = self._create_table(target, name, Tags=tag_list, **definition)
        self._settle(target, name, answer)
        if lifetime:
            target.call(self.name, "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=lifetime)
        if "policy" in desired.fields:
            self._put_policy(target, answer["TableArn"], desired.fields["policy"])
        contents: Contents = desired.spec[1]
        notes = contents.load(target, name) if contents.declared else {}
        attributes = {"arn": answer["TableArn"]}
        if answer.get("LatestStreamArn"):
            attributes["streamArn"] = answer["LatestStreamArn"]
        return Written(attributes=attributes, notes=notes)

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """One UpdateTable for each thing that AWS changes one at a time, then items."""
        name, arn = desired.id.name, observed.attributes["arn"]
        changed = {difference.path: difference.new for difference in differences}
        for update in _updates(changed, desired.spec[0], observed):
            answer = target.call(self.name, "UpdateTable", TableName=name, **update)["TableDescription"]
            self._settle(target, name, answer)
        if "ttl" in changed:
            self._put_lifetime(target, name, observed.fields.get("ttl"), changed["ttl"])
        if "policy" in changed:
            self._put_policy(target, arn, changed["policy"])
        self._put_tags(target, arn, differences)
        return Written(attributes=self._stream(target, name, changed), notes=_put_items(target, desired, differences))

    def _stream(self, target: Target, name: str, changed: Mapping[str, Value]) -> dict[str, str]:
        if "stream" not in changed:
            return {}
        table = target.call(self.name, "DescribeTable", TableName=name)["Table"]
        return {"streamArn": table["LatestStreamArn"]} if table.get("LatestStreamArn") else {}

    def _put_tags(self, target: Target, arn: str, differences: Sequence[Difference]) -> None:
        added, removed = tag_changes(differences)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            target.call(self.name, "TagResource", ResourceArn=arn, Tags=tags)
        if removed:
            target.call(self.name, "UntagResource", ResourceArn=arn, TagKeys=removed)

    def _put_lifetime(self, target: Target, name: str, old: Value, new: Value) -> None:
        """AWS wants the old attribute switched off before another is switched on."""
        for attribute, enabled in ((old, False), (new, True)):
            if attribute:
                spec = {"Enabled": enabled, "AttributeName": attribute}
                target.call(self.name, "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=spec)

    def _put_policy(self, target: Target, arn: str, policy: Value) -> None:
        if policy is None:
            target.find(self.name, "DeleteResourcePolicy", *_NO_POLICY, ResourceArn=arn)
        else:
            target.call(self.name, "PutResourcePolicy", ResourceArn=arn, Policy=policy_text(policy))

    def _create_table(self, target: Target, name: str, **definition: Any) -> Answer:  # noqa: ANN401 - AWS's own
        """CreateTable; waits for the stream of a deleted table of the same name, which LocalStack deletes by and by.

        LocalStack's CreateTable then fails after it has made the table, which has to go before the next attempt.
        """
        waiting = target.cancel.within(_DEADLINE_SECONDS, f"the stream of the deleted table {name} being deleted")
        while True:
            try:
                return Answer(target.call(self.name, "CreateTable", TableName=name, **definition)["TableDescription"])
            except AwsError as error:
                if not (error.code == "InternalError" and _STREAM_LEFT.search(error.what)):
                    raise
                target.find(self.name, "DeleteTable", *_ABSENT, TableName=name)
            waiting.sleep(_POLL_SECONDS)

    def _settle(self, target: Target, name: str, table: Answer) -> None:
        """Return when the table and its indexes can be used."""
        waiting = target.cancel.within(_DEADLINE_SECONDS, f"table {name} becoming ACTIVE")
        while not _active(table):
            waiting.sleep(_POLL_SECONDS)
            table = target.call(self.name, "DescribeTable", TableName=name)["Table"]

    def delete(self, target: Target, observed: Observed) -> None:
        """Ours may go even where we had protected it."""
        name = observed.id.name
        if observed.fields.get("deletionProtection"):
            target.call(self.name, "UpdateTable", TableName=name, DeletionProtectionEnabled=False)
        target.find(self.name, "DeleteTable", *_ABSENT, TableName=name)
        remember(target, name, Keys(), remembered(target, name))
        waiting = target.cancel.within(_DEADLINE_SECONDS, f"table {name} being deleted")
        while target.find(self.name, "DescribeTable", *_ABSENT, TableName=name) is not None:
            waiting.sleep(_POLL_SECONDS)

    def export(self, target: Target, observed: Observed) -> Exported:
        """The definition in our words, items as JSON Lines in DynamoDB's types."""
        name = observed.id.name
        definition: Definition = observed.spec[0]
        body = table_words.exported(definition)
        tags = {key: value for key, value in observed.tags.items() if key != labels.OWNER}
        extra = {"policy": observed.fields.get("policy"), "tags": tags}
        body |= {key: value for key, value in extra.items() if value}
        lines = sorted(Contents.lines(target, name))
        if not lines:
            return Exported(body=body)
        file = f"dynamodb/{name}.jsonl"
        body["itemFiles"] = {"file": file, "format": "dynamodb"}
        return Exported(body=body, files={file: "".join(lines).encode()})


def _put_items(target: Target, desired: Desired, differences: Sequence[Difference]) -> dict[str, Value]:
    contents: Contents = desired.spec[1]
    kinds = {difference.kind for difference in differences if difference.path.startswith("items")}
    return contents.repair(target, desired.id.name, kinds) if kinds else {}


def _updates(changed: Mapping[str, Value], definition: Definition, observed: Observed) -> Iterator[dict[str, Value]]:
    """UpdateTable's parameters, one thing at a time."""
    if "billing" in changed or "capacity" in changed:
        provisioned = definition["BillingMode"] == "PROVISIONED"
        yield {
            "BillingMode": definition["BillingMode"],
            **({"ProvisionedThroughput": definition["ProvisionedThroughput"]} if provisioned else {}),
        }
    if "stream" in changed:
        if observed.fields.get("stream"):
            yield {"StreamSpecification": {"StreamEnabled": False}}
        if changed["stream"]:
            yield {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": changed["stream"]}}
    if "deletionProtection" in changed:
        yield {"DeletionProtectionEnabled": bool(changed["deletionProtection"])}
    for path in changed:
        if path.startswith("aws.") and changed[path] is not None:
            yield {path.removeprefix("aws."): changed[path]}
    yield from _index_updates(changed, definition, observed)


def _index_updates(
    changed: Mapping[str, Value], definition: Definition, observed: Observed
) -> Iterator[dict[str, Value]]:
    indexes = {index["IndexName"]: index for index in definition.get("GlobalSecondaryIndexes", ())}
    for path in changed:
        name = path.removeprefix("globalIndexes.")
        if name == path:
            continue
        old, new = observed.fields.get(path), changed[path]
        if old and new and {**old, "capacity": None} == {**new, "capacity": None}:
            update = {"IndexName": name, "ProvisionedThroughput": indexes[name]["ProvisionedThroughput"]}
            yield {"GlobalSecondaryIndexUpdates": [{"Update": update}]}
            continue
        if old:
            yield {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]}
        if new:
            definitions = definition["AttributeDefinitions"]
            yield {"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [{"Create": indexes[name]}]}


def _active(table: Answer) -> bool:
    indexes = table.get("GlobalSecondaryIndexes") or ()
    states = (table.get("TableStatus", "ACTIVE"), *(index.get("IndexStatus", "ACTIVE") for index in indexes))
    return all(state == "ACTIVE" for state in states)


def _tags(target: Target, arn: str) -> Iterator[Answer]:
    for page in target.pages("dynamodb", "ListTagsOfResource", ResourceArn=arn):
        yield from page.get("Tags", ())


def _item_problems(fixture: Fixture) -> Iterator[Problem]:
    """Inline items: types, and a whole key, once."""
    definition = table_words.definition(fixture.body)
    keys, indexes = table_words.key_types(definition), index_keys(definition)
    seen: dict[str, int] = {}
    for number, given in enumerate(fixture.body.get("items", ())):
        try:
            item = canonical(to_item(given))
            wrong = Contents.key_problem(item, keys, indexes)
        except ItemError as error:
            wrong = str(error)
        else:
            first = seen.setdefault(Contents.key_of(item, keys), number)
            if wrong is None and first != number:
                wrong = f"has the same key as items[{first}]"
        if wrong:
            yield fixture.problem(("items", number), wrong)


def _id(name: str) -> ResourceId:
    return ResourceId("dynamodb", name)
