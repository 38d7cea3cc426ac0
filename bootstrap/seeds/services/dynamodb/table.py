"""A table's definition: our words as CreateTable's parameters, and those as fields."""

from collections.abc import Iterator, Mapping, Sequence

from bootstrap.seeds.aws_shapes import accepted
from bootstrap.seeds.model import FieldPath, Value
from bootstrap.seeds.schema import POLICY, TAGS, Anything, Aws, Either, Flag, ListOf, MapOf, Record, Text, Whole
from bootstrap.seeds.services.dynamodb.items import ITEM_FILES
from bootstrap.yamltext.positions import ValuePath

_CREATE = ("dynamodb", "CreateTable")
_ATTRIBUTE = Text(like=(*_CREATE, "KeySchema", "[]", "AttributeName"))
_INDEX = Text(like=(*_CREATE, "GlobalSecondaryIndexes", "[]", "IndexName"))
_KEY = Either(
    (_ATTRIBUTE, Record(keys={"name": _ATTRIBUTE, "type": Text(choices=("S", "N", "B"))}, required=("name",)))
)
_KEYS = Record(keys={"partition": _KEY, "sort": _KEY}, required=("partition",))
_CAPACITY = Record(keys={"read": Whole(least=1), "write": Whole(least=1)}, required=("read", "write"))
_PROJECTED = ("GlobalSecondaryIndexes", "[]", "Projection", "NonKeyAttributes")
_PROJECTION = Either(
    (
        Text(choices=("ALL", "KEYS_ONLY")),
        ListOf(Text(like=(*_CREATE, *_PROJECTED, "[]")), like=(*_CREATE, *_PROJECTED)),
    )
)
_STREAMS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")

SCHEMA = Record(
    keys={
        "keys": _KEYS,
        "globalIndexes": MapOf(
            Record(
                keys={"keys": _KEYS, "projection": _PROJECTION, "capacity": _CAPACITY},
                required=("keys",),
            ),
            key=_INDEX,
        ),
        "localIndexes": MapOf(Record(keys={"sort": _KEY, "projection": _PROJECTION}, required=("sort",)), key=_INDEX),
        "billing": Text(choices=("PAY_PER_REQUEST", "PROVISIONED")),
        "capacity": _CAPACITY,
        "stream": Text(choices=_STREAMS),
        "ttl": Text(like=("dynamodb", "UpdateTimeToLive", "TimeToLiveSpecification", "AttributeName")),
        "deletionProtection": Flag(),
        "policy": POLICY,
        "tags": TAGS,
        "items": ListOf(MapOf(Anything())),
        "itemFiles": ITEM_FILES,
        "aws": Aws(
            service="dynamodb",
            operations=("CreateTable", "UpdateTimeToLive"),
            instead={
                "TableName": "it is the fixture's key",
                "Tags": "write tags",
                "ResourcePolicy": "write policy",
            },
        ),
    }
)

_OURS = {
    "keys": "KeySchema",
    "globalIndexes": "GlobalSecondaryIndexes",
    "localIndexes": "LocalSecondaryIndexes",
    "billing": "BillingMode",
    "capacity": "ProvisionedThroughput",
    "stream": "StreamSpecification",
    "ttl": "TimeToLiveSpecification",
    "deletionProtection": "DeletionProtectionEnabled",
}
TOLD = frozenset({"TableClass", "SSESpecification", "OnDemandThroughput"})
"""Parameters without a word of ours that some emulators return again."""

Definition = dict[str, Value]
"""CreateTable's parameters, with TimeToLiveSpecification."""


def conflicts(body: Mapping[str, Value]) -> Iterator[tuple[ValuePath, str]]:
    """Things said in our words and in AWS's; keys that are not said at all."""
    aws = body.get("aws", {})
    for ours, theirs in _OURS.items():
        if ours in body and theirs in aws:
            yield ("aws", theirs), f"cannot be given together with {ours}"
    if "keys" not in body and "KeySchema" not in aws:
        yield (), "keys is missing"
    elif "keys" not in body and "AttributeDefinitions" not in aws:
        yield ("aws",), "AttributeDefinitions is missing (the types of the keys)"
    yield from _type_conflicts(body)
    if body.get("billing") == "PROVISIONED" and "capacity" not in body and "ProvisionedThroughput" not in aws:
        yield ("billing",), "PROVISIONED needs capacity"


def _type_conflicts(body: Mapping[str, Value]) -> Iterator[tuple[ValuePath, str]]:
    """Attributes that are keys of several things, and of another type in each."""
    first: dict[str, tuple[str, str]] = {}
    for path, key in _declared_keys(body):
        spec = {"name": key} if isinstance(key, str) else key
        name = str(spec["name"])
        kind = spec.get("type", first.get(name, ("S", ""))[0])
        earlier, place = first.setdefault(name, (kind, ".".join(map(str, path))))
        if earlier != kind:
            yield path, f"{name} is of type {kind} here and of type {earlier} in {place}"


def _declared_keys(body: Mapping[str, Value]) -> Iterator[tuple[ValuePath, Value]]:
    for role, key in body.get("keys", {}).items():
        yield ("keys", role), key
    for name, index in body.get("globalIndexes", {}).items():
        for role, key in index["keys"].items():
            yield ("globalIndexes", name, "keys", role), key
    for name, index in body.get("localIndexes", {}).items():
        yield ("localIndexes", name, "sort"), index["sort"]


def definition(body: Mapping[str, Value]) -> Definition:
    """A body as CreateTable's parameters."""
    types: dict[str, str] = {}
    aws = dict(body.get("aws", {}))
    table_definition = {**_structure(body, types), **_settings(body)}
    theirs = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in aws.pop("AttributeDefinitions", ())
    }
    table_definition["BillingMode"] = (
        "PROVISIONED" if "ProvisionedThroughput" in {**table_definition, **aws} else "PAY_PER_REQUEST"
    )
    if "billing" in body:
        table_definition["BillingMode"] = body["billing"]
    attributes = types | theirs
    table_definition["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
    ]
    table_definition |= aws
    if table_definition["BillingMode"] == "PROVISIONED":
        for index in table_definition.get("GlobalSecondaryIndexes", ()):
            index.setdefault("ProvisionedThroughput", table_definition.get("ProvisionedThroughput"))
    return table_definition


def _structure(body: Mapping[str, Value], types: dict[str, str]) -> Definition:
    """Keys and indexes; notes the types of their attributes."""
    structure: Definition = {}
    if "keys" in body:
        structure["KeySchema"] = _key_schema(body["keys"], types)
    if "globalIndexes" in body:
        structure["GlobalSecondaryIndexes"] = [
            _global(name, index, types) for name, index in body["globalIndexes"].items()
        ]
    if "localIndexes" in body:
        partition = (structure.get("KeySchema") or body["aws"]["KeySchema"])[0]
        structure["LocalSecondaryIndexes"] = [
            _local(name, index, partition, types) for name, index in body["localIndexes"].items()
        ]
    return structure


def _settings(body: Mapping[str, Value]) -> Definition:
    settings: Definition = {}
    if "capacity" in body:
        settings["ProvisionedThroughput"] = _throughput(body["capacity"])
    if "stream" in body:
        settings["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": body["stream"]}
    if "ttl" in body:
        settings["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": body["ttl"]}
    if "deletionProtection" in body:
        settings["DeletionProtectionEnabled"] = body["deletionProtection"]
    return settings


def fields(table_definition: Definition) -> dict[FieldPath, Value]:
    """What can be compared of a definition, or of DescribeTable's answer brought to its form."""
    types = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in table_definition["AttributeDefinitions"]
    }
    values: dict[FieldPath, Value] = {
        "keys": _typed_keys(table_definition["KeySchema"], types),
        "billing": table_definition["BillingMode"],
    }
    if table_definition["BillingMode"] == "PROVISIONED":
        values["capacity"] = _capacity(table_definition.get("ProvisionedThroughput"))
    for index in table_definition.get("GlobalSecondaryIndexes") or ():
        values[f"globalIndexes.{index['IndexName']}"] = _index(
            index, types, provisioned=table_definition["BillingMode"] == "PROVISIONED"
        )
    local = {
        index["IndexName"]: _index(index, types, provisioned=False)
        for index in table_definition.get("LocalSecondaryIndexes") or ()
    }
    if local:
        values["localIndexes"] = local
    stream = table_definition.get("StreamSpecification") or {}
    if stream:
        values["stream"] = stream.get("StreamViewType") if stream.get("StreamEnabled") else None
    lifetime = table_definition.get("TimeToLiveSpecification") or {}
    if lifetime:
        values["ttl"] = lifetime.get("AttributeName") if lifetime.get("Enabled") else None
    if "DeletionProtectionEnabled" in table_definition:
        values["deletionProtection"] = table_definition["DeletionProtectionEnabled"]
    names = {*_OURS.values(), "AttributeDefinitions"}
    return values | {f"aws.{name}": value for name, value in table_definition.items() if name not in names}


def described(table: Mapping[str, Value], lifetime: Mapping[str, Value] | None) -> Definition:
    """DescribeTable's answer in the form of CreateTable's parameters."""
    kept = (
        "KeySchema",
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "ProvisionedThroughput",
    )
    table_definition = {name: table[name] for name in kept if table.get(name)}
    table_definition["BillingMode"] = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    table_definition["StreamSpecification"] = table.get("StreamSpecification") or {"StreamEnabled": False}
    table_definition["DeletionProtectionEnabled"] = table.get("DeletionProtectionEnabled", False)
    if lifetime is not None:
        on = lifetime.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        table_definition["TimeToLiveSpecification"] = {"Enabled": on, "AttributeName": lifetime.get("AttributeName")}
    if table.get("TableClassSummary"):
        table_definition["TableClass"] = table["TableClassSummary"]["TableClass"]
    if table.get("SSEDescription"):
        sse = table["SSEDescription"]
        key = {"SSEType": sse.get("SSEType"), "KMSMasterKeyId": sse.get("KMSMasterKeyArn")}
        declared = {name: value for name, value in key.items() if value}
        table_definition["SSESpecification"] = {"Enabled": sse["Status"] == "ENABLED", **declared}
    if table.get("OnDemandThroughput"):
        table_definition["OnDemandThroughput"] = table["OnDemandThroughput"]
    return table_definition


def key_names(table_definition: Definition) -> tuple[str, ...]:
    """The attributes of the primary key, partition first."""
    return tuple(attribute["AttributeName"] for attribute in table_definition["KeySchema"])


def key_types(table_definition: Definition) -> dict[str, str]:
    """Their types."""
    types = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in table_definition["AttributeDefinitions"]
    }
    return {name: types.get(name, "S") for name in key_names(table_definition)}


def exported(table_definition: Definition) -> dict[str, Value]:
    """A definition as DescribeTable returned it, in our words."""
    types = {
        attribute["AttributeName"]: attribute["AttributeType"] for attribute in table_definition["AttributeDefinitions"]
    }
    body: dict[str, Value] = {"keys": _exported_keys(table_definition["KeySchema"], types)}
    provisioned = table_definition["BillingMode"] == "PROVISIONED"
    for index in sorted(table_definition.get("GlobalSecondaryIndexes", ()), key=lambda entry: str(entry["IndexName"])):
        declared_index = {"keys": _exported_keys(index["KeySchema"], types), "projection": _exported_projection(index)}
        if provisioned:
            declared_index["capacity"] = _capacity(index.get("ProvisionedThroughput"))
        body.setdefault("globalIndexes", {})[index["IndexName"]] = declared_index
    for index in sorted(table_definition.get("LocalSecondaryIndexes", ()), key=lambda entry: str(entry["IndexName"])):
        keys = _exported_keys(index["KeySchema"], types)
        declared_index = {"sort": keys["sort"], "projection": _exported_projection(index)}
        body.setdefault("localIndexes", {})[index["IndexName"]] = declared_index
    if provisioned:
        body |= {"billing": "PROVISIONED", "capacity": _capacity(table_definition.get("ProvisionedThroughput"))}
    values = fields(table_definition)
    body |= {key: values[key] for key in ("stream", "ttl", "deletionProtection") if values.get(key)}
    accepted_values = {
        name: accepted("dynamodb", "CreateTable", name, table_definition[name])
        for name in sorted(TOLD)
        if name in table_definition
    }
    aws = {name: value for name, value in accepted_values.items() if value and value != "STANDARD"}
    return {**body, "aws": aws} if aws else body


def _exported_keys(schema: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> dict[str, Value]:
    roles = {"HASH": "partition", "RANGE": "sort"}
    keys: dict[str, Value] = {}
    for element in schema:
        name = element["AttributeName"]
        keys[roles[element["KeyType"]]] = name if types.get(name) == "S" else {"name": name, "type": types.get(name)}
    return keys


def _exported_projection(index: Mapping[str, Value]) -> Value:
    kind = index["Projection"].get("ProjectionType", "ALL")
    return sorted(index["Projection"]["NonKeyAttributes"]) if kind == "INCLUDE" else kind


def _key_schema(keys: Mapping[str, Value], types: dict[str, str]) -> list[dict[str, str]]:
    elements = []
    for role, kind in (("partition", "HASH"), ("sort", "RANGE")):
        if role in keys:
            elements.append({"AttributeName": _name(keys[role], types), "KeyType": kind})
    return elements


def _name(key: Value, types: dict[str, str]) -> str:
    spec = {"name": key} if isinstance(key, str) else key
    name = str(spec["name"])
    if "type" in spec or name not in types:
        types[name] = spec.get("type", "S")
    return name


def _global(name: str, given: Mapping[str, Value], types: dict[str, str]) -> Value:
    index = {
        "IndexName": name,
        "KeySchema": _key_schema(given["keys"], types),
        "Projection": _projection(given.get("projection", "ALL")),
    }
    return {**index, "ProvisionedThroughput": _throughput(given["capacity"])} if "capacity" in given else index


def _local(name: str, given: Mapping[str, Value], partition: Value, types: dict[str, str]) -> Value:
    keys = [partition, {"AttributeName": _name(given["sort"], types), "KeyType": "RANGE"}]
    return {"IndexName": name, "KeySchema": keys, "Projection": _projection(given.get("projection", "ALL"))}


def _projection(given: Value) -> Value:
    if isinstance(given, list):
        return {"ProjectionType": "INCLUDE", "NonKeyAttributes": given}
    return {"ProjectionType": given}


def _throughput(given: Mapping[str, int]) -> Value:
    return {"ReadCapacityUnits": given["read"], "WriteCapacityUnits": given["write"]}


def _capacity(given: Mapping[str, int] | None) -> Value:
    return {"read": given["ReadCapacityUnits"], "write": given["WriteCapacityUnits"]} if given else None


def _typed_keys(schema: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> list[str]:
    """`["customer:S", "order:N"]`, partition first."""
    ordered = sorted(schema, key=lambda element: element["KeyType"])
    return [f"{element['AttributeName']}:{types.get(element['AttributeName'], 'S')}" for element in ordered]


def _index(index: Mapping[str, Value], types: Mapping[str, str], *, provisioned: bool) -> Value:
    projection = index["Projection"]
    shown = projection.get("ProjectionType", "ALL")
    attributes = sorted(projection.get("NonKeyAttributes", ()))
    field = {"keys": _typed_keys(index["KeySchema"], types), "projection": attributes if shown == "INCLUDE" else shown}
    return {**field, "capacity": _capacity(index.get("ProvisionedThroughput"))} if provisioned else field
