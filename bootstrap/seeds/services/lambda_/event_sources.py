"""What feeds a function: queues, table streams, topics and buckets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.seeds.aws_shapes import accepted
from bootstrap.seeds.model import KNOWN_LATER, Need, ResourceId, Value, digest
from bootstrap.seeds.schema import Anything, Aws, Flag, ListOf, MapOf, Record, Text, Whole
from bootstrap.seeds.services.base import Scope
from bootstrap.seeds.services.permissions import (
    BY_FUNCTION,
    BY_TOPIC,
    admit_to_function,
    dismiss_from_function,
    function_policy,
)
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.services.s3.notifications import ID, of_functions, put_of_function
from bootstrap.seeds.target import Answer, Target

PREFIX = "events/"
SOURCES: Mapping[str, tuple[str, str]] = {
    "queue": ("sqs", "arn"),
    "stream": ("dynamodb", "streamArn"),
    "topic": ("sns", "arn"),
    "bucket": ("s3", "name"),
}
"""Key → service and the attribute that names the source."""
MAPPED = frozenset({"queue", "stream"})
BATCH_SIZE = {"queue": 10, "stream": 100}

_ABSENT = ("NotFound", "NotFoundException", "ResourceNotFoundException")
_CREATED = "s3:ObjectCreated:*"
_SETTINGS = (
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "ParallelizationFactor",
    "BisectBatchOnFunctionError",
    "TumblingWindowInSeconds",
    "DestinationConfig",
    "ScalingConfig",
)
_UNSET: Mapping[str, tuple[Value, ...]] = {
    "MaximumRetryAttempts": (-1,),
    "MaximumRecordAgeInSeconds": (-1,),
    "ParallelizationFactor": (1,),
    "BisectBatchOnFunctionError": (False,),
    "TumblingWindowInSeconds": (0,),
}
"""What AWS makes of settings that nobody gave."""
_MADE = {
    "FunctionName": "it is the fixture's key",
    "EventSourceArn": "write queue or stream",
    "BatchSize": "write batchSize",
    "MaximumBatchingWindowInSeconds": "write batchingWindow",
    "Enabled": "write enabled",
    "StartingPosition": "write startingPosition",
    "FilterCriteria": "write filters",
    "FunctionResponseTypes": "write reportFailures: true",
    "Tags": "the function's are enough",
}

EVENT = Record(
    keys={
        **{source: Text() for source in SOURCES},
        "batchSize": Whole(least=1, most=10000),
        "batchingWindow": Whole(most=300),
        "enabled": Flag(),
        "startingPosition": Text(choices=("LATEST", "TRIM_HORIZON")),
        "filters": ListOf(MapOf(Anything())),
        "reportFailures": Flag(),
        "filterPolicy": MapOf(Anything()),
        "events": ListOf(Text()),
        "prefix": Text(),
        "suffix": Text(),
        "aws": Aws(service="lambda", operations=("CreateEventSourceMapping",), instead=_MADE),
    },
    one_of=tuple(SOURCES),
    needs_one=True,
)
ALLOWED: Mapping[str, frozenset[str]] = {
    "queue": frozenset({"batchSize", "batchingWindow", "enabled", "filters", "reportFailures", "aws"}),
    "stream": frozenset(
        {"batchSize", "batchingWindow", "enabled", "startingPosition", "filters", "reportFailures", "aws"}
    ),
    "topic": frozenset({"filterPolicy"}),
    "bucket": frozenset({"events", "prefix", "suffix"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSource:
    """One source, declared or found."""

    kind: str
    key: str
    """`queue/orders`, `bucket/artefacts?in/*.json`: what it is known by."""
    source: str
    """ARN, or a bucket's name."""
    settings: Mapping[str, Value]
    """In AWS's terms."""
    handle: str = ""
    """Of one that was found: UUID, subscription ARN or notification id."""

    def fields(self) -> dict[str, Value]:
        """As fields of the function."""
        path = PREFIX + self.key
        source = {f"{path}.source": self.source} if self.kind in MAPPED else {}
        return {path: True, **source, **{f"{path}.{name}": value for name, value in self.settings.items()}}


def kind_of_source(given: Mapping[str, Value]) -> str:
    """Which of `queue`, `stream`, `topic`, `bucket` it names."""
    return next(kind for kind in SOURCES if kind in given)


def needs(events: Sequence[Mapping[str, Value]]) -> Iterator[Need]:
    """The fixtures that feed the function."""
    for number, event in enumerate(events):
        kind = kind_of_source(event)
        service, attribute = SOURCES[kind]
        if not event[kind].startswith("arn:") and "${ref:" not in event[kind]:
            yield Need(target=ResourceId(service, event[kind]), attribute=attribute, path=("events", number, kind))


def declared(given: Mapping[str, Value], scope: Scope) -> EventSource:
    """The source that a fixture's entry means."""
    kind = kind_of_source(given)
    name = given[kind]
    service, attribute = SOURCES[kind]
    is_complete = name.startswith("arn:") or name == KNOWN_LATER
    source = name if is_complete else scope.resolve(ResourceId(service, name), attribute)
    if kind == "bucket":
        events: dict[str, Value] = {"Events": sorted(given.get("events", [_CREATED]))}
        rules = {rule: given.get(rule, "") for rule in ("prefix", "suffix")}
        return EventSource(kind=kind, key=_bucket_key(source, rules), source=source, settings=events)
    short = _short(kind, source) if is_complete else name
    fed: dict[str, Value] = {"FilterPolicy": given.get("filterPolicy") or None}
    settings = _mapping_settings(kind, given) if kind in MAPPED else fed
    return EventSource(kind=kind, key=f"{kind}/{short}", source=source, settings=settings)


def _mapping_settings(kind: str, given: Mapping[str, Value]) -> dict[str, Value]:
    filters = [{"Pattern": policy_value(policy_text(pattern))} for pattern in given.get("filters", ())]
    return {
        "BatchSize": given.get("batchSize", BATCH_SIZE[kind]),
        "MaximumBatchingWindowInSeconds": given.get("batchingWindow", 0),
        "Enabled": given.get("enabled", True),
        "Filters": filters or None,
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if given.get("reportFailures") else None,
        **({"StartingPosition": given.get("startingPosition", "TRIM_HORIZON")} if kind == "stream" else {}),
        **given.get("aws", {}),
    }


def observed_sources(target: Target, function: str, buckets: Iterable[str]) -> list[EventSource]:
    """Everything that feeds the function now; buckets are asked one by one."""
    arn = _function_arn(target, function)
    sources = [
        _observed_mapping(event_source_mapping)
        for page in target.pages("lambda", "ListEventSourceMappings", FunctionName=function)
        for event_source_mapping in page["EventSourceMappings"]
    ]
    admitted = _sources_of_policy(function_policy(target, function))
    for topic in (source for source in admitted if source.startswith("arn:aws:sns:")):
        sources.extend(_observed_subscriptions(target, topic, arn))
    asked = {*buckets, *(source.rpartition(":")[2] for source in admitted if source.startswith("arn:aws:s3:"))}
    for bucket in sorted(asked):
        sources.extend(_observed_notifications(target, bucket, arn))
    return [source for source in sources if source.kind in MAPPED or _arn_of(source) in admitted]


def connect(target: Target, function: str, source: EventSource) -> None:
    """Make it feed the function."""
    arn = _function_arn(target, function)
    match source.kind:
        case "topic":
            admit_to_function(target, arn, source.source, by=BY_FUNCTION)
            policy = source.settings["FilterPolicy"]
            attributes = {"FilterPolicy": policy_text(policy)} if policy else {}
            target.call(
                "sns", "Subscribe", TopicArn=source.source, Protocol="lambda", Endpoint=arn, Attributes=attributes
            )
        case "bucket":
            admit_to_function(target, arn, _arn_of(source), by=BY_FUNCTION)
            entry = _notification(source, arn)
            put_of_function(target, source.source, [entry], without=entry["Id"])
        case _:
            target.call(
                "lambda",
                "CreateEventSourceMapping",
                FunctionName=function,
                EventSourceArn=source.source,
                **_sent(source.settings),
            )


def change(target: Target, function: str, source: EventSource, there: EventSource) -> None:
    """Give it the declared settings."""
    match source.kind:
        case "topic":
            policy = policy_text(source.settings["FilterPolicy"] or {})
            parameters = {"AttributeName": "FilterPolicy", "AttributeValue": policy}
            target.call("sns", "SetSubscriptionAttributes", SubscriptionArn=there.handle, **parameters)
        case "bucket":
            connect(target, function, source)
        case _ if there.source != source.source:
            # The table was recreated, and with it its stream.
            disconnect(target, function, there)
            connect(target, function, source)
        case _:
            sent = {name: value for name, value in _sent(source.settings).items() if name != "StartingPosition"}
            empty: dict[str, Value] = {"FilterCriteria": {}, "FunctionResponseTypes": []}
            target.call("lambda", "UpdateEventSourceMapping", UUID=there.handle, **{**empty, **sent})


def disconnect(target: Target, function: str, there: EventSource) -> None:
    """Let it feed the function no more."""
    arn = _function_arn(target, function)
    match there.kind:
        case "topic":
            target.find("sns", "Unsubscribe", *_ABSENT, SubscriptionArn=there.handle)
            dismiss_from_function(target, arn, there.source, by=BY_FUNCTION)
        case "bucket":
            put_of_function(target, there.source, [], without=there.handle)
            dismiss_from_function(target, arn, _arn_of(there), by=BY_FUNCTION)
        case _:
            target.find("lambda", "DeleteEventSourceMapping", *_ABSENT, UUID=there.handle)


def _function_arn(target: Target, function: str) -> str:
    return f"arn:aws:lambda:{target.region}:{target.account}:function:{function}"


def _arn_of(source: EventSource) -> str:
    return f"arn:aws:s3:::{source.source}" if source.kind == "bucket" else source.source


def _short(kind: str, arn: str) -> str:
    return arn.split("/")[1] if kind == "stream" and "/" in arn else arn.rpartition(":")[2]


def _sources_of_policy(policy: Mapping[str, Value]) -> set[str]:
    # A topic that names the function itself is the topic's affair; so is one that scripts subscribed.
    conditions = [
        statement.get("Condition", {}) for statement in policy.get("Statement", ()) if not _of_topic(statement)
    ]
    return {
        str(arn)
        for condition in conditions
        for operator in condition.values()
        for name, arn in operator.items()
        if name.lower() == "aws:sourcearn"
    }


def _of_topic(statement: Mapping[str, Value]) -> bool:
    sid, principal = str(statement.get("Sid", "")), statement.get("Principal", {})
    service = principal.get("Service") if isinstance(principal, dict) else principal
    ours = sid.startswith(BY_FUNCTION) and not sid.startswith(BY_TOPIC)
    return service == "sns.amazonaws.com" and not ours


def _observed_mapping(mapping: Answer) -> EventSource:
    arn = mapping["EventSourceArn"]
    kind = "stream" if ":dynamodb:" in arn else "queue"
    filters = [
        {"Pattern": policy_value(each["Pattern"])} for each in mapping.get("FilterCriteria", {}).get("Filters", ())
    ]
    settings = {
        "BatchSize": mapping.get("BatchSize"),
        "MaximumBatchingWindowInSeconds": mapping.get("MaximumBatchingWindowInSeconds", 0),
        "Enabled": mapping.get("State") not in {"Disabled", "Disabling"},
        "Filters": filters or None,
        "FunctionResponseTypes": mapping.get("FunctionResponseTypes") or None,
        **({"StartingPosition": mapping.get("StartingPosition")} if kind == "stream" else {}),
        **{name: mapping[name] for name in _SETTINGS if mapping.get(name) is not None},
    }
    return EventSource(
        kind=kind, key=f"{kind}/{_short(kind, arn)}", source=arn, settings=settings, handle=mapping["UUID"]
    )


def _observed_subscriptions(target: Target, topic: str, function_arn: str) -> Iterator[EventSource]:
    listed = target.find("sns", "ListSubscriptionsByTopic", *_ABSENT, TopicArn=topic) or {}
    for subscription in listed.get("Subscriptions", ()):
        if subscription["Endpoint"] == function_arn:
            handle = subscription["SubscriptionArn"]
            about = target.call("sns", "GetSubscriptionAttributes", SubscriptionArn=handle)["Attributes"]
            settings = {"FilterPolicy": policy_value(about.get("FilterPolicy")) or None}
            key = f"topic/{topic.rpartition(':')[2]}"
            yield EventSource(kind="topic", key=key, source=topic, settings=settings, handle=handle)


def _observed_notifications(target: Target, bucket: str, function_arn: str) -> Iterator[EventSource]:
    for entry in of_functions(target, bucket):
        if entry["LambdaFunctionArn"] == function_arn:
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
            named = {rule["Name"].lower(): rule["Value"] for rule in rules}
            yield EventSource(
                kind="bucket",
                key=_bucket_key(bucket, named),
                source=bucket,
                settings={"Events": sorted(entry["Events"])},
                handle=entry["Id"],
            )


def _bucket_key(bucket: str, rules: Mapping[str, str]) -> str:
    prefix, suffix = rules.get("prefix", ""), rules.get("suffix", "")
    return f"bucket/{bucket}" + (f"?{prefix}*{suffix}" if prefix or suffix else "")


def _notification(source: EventSource, function_arn: str) -> dict[str, Value]:
    prefix, _, suffix = source.key.partition("?")[2].partition("*")
    rules = [{"Name": name, "Value": text} for name, text in (("prefix", prefix), ("suffix", suffix)) if text]
    return {
        "Id": ID + digest([function_arn, source.key]),
        "LambdaFunctionArn": function_arn,
        "Events": source.settings["Events"],
        **({"Filter": {"Key": {"FilterRules": rules}}} if rules else {}),
    }


def _sent(settings: Mapping[str, Value]) -> dict[str, Value]:
    """A mapping's settings as AWS takes them."""
    sent = {name: value for name, value in settings.items() if value is not None and name != "Filters"}
    if settings.get("Filters"):
        sent["FilterCriteria"] = {
            "Filters": [{"Pattern": policy_text(pattern["Pattern"])} for pattern in settings["Filters"]]
        }
    return sent


def exported(source: EventSource) -> dict[str, Value]:
    """As a fixture's entry."""
    name = source.key.partition("/")[2].partition("?")[0]
    settings = source.settings
    extra: dict[str, Value]
    match source.kind:
        case "bucket":
            prefix, _, suffix = source.key.partition("?")[2].partition("*")
            extra = {"events": settings["Events"], "prefix": prefix, "suffix": suffix}
        case "topic":
            extra = {"filterPolicy": settings["FilterPolicy"]}
        case _:
            extra = _exported_mapping(source)
    return {source.kind: name, **{key: value for key, value in extra.items() if value not in (None, "", [], {})}}


def _exported_mapping(source: EventSource) -> dict[str, Value]:
    settings = source.settings
    accepted_values = {
        key: accepted("lambda", "CreateEventSourceMapping", key, settings[key]) for key in _SETTINGS if key in settings
    }
    return {
        "batchSize": None if settings["BatchSize"] == BATCH_SIZE[source.kind] else settings["BatchSize"],
        "batchingWindow": settings["MaximumBatchingWindowInSeconds"] or None,
        "startingPosition": settings.get("StartingPosition"),
        "filters": [pattern["Pattern"] for pattern in settings["Filters"] or ()],
        "reportFailures": True if settings["FunctionResponseTypes"] else None,
        "enabled": None if settings["Enabled"] else False,
        "aws": {key: value for key, value in accepted_values.items() if value not in (*_UNSET.get(key, ()), None, {})},
    }
