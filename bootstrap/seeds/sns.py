"""Amazon SNS."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import Problem
from bootstrap.seeds.grants import (
    admit_to_function,
    admit_to_queue,
    dismiss_from_function,
    dismiss_from_queue,
    function_admits,
    queue_admits,
)
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
)
from bootstrap.seeds.policies import policy_text, policy_value
from bootstrap.seeds.schema import POLICY, TAGS, Anything, Aws, Either, Flag, ListOf, MapOf, Record, Text
from bootstrap.seeds.service import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.target import OWNER_TAG, Target

PREFIX = "subscriptions/"
_ABSENT = ("NotFound", "NotFoundException")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}(\.fifo)?")
_INSTEAD = {"Policy": "write policy", "FifoTopic": "write fifo: true"}
_READ_ONLY = frozenset(
    {
        "TopicArn",
        "Owner",
        "SubscriptionsConfirmed",
        "SubscriptionsPending",
        "SubscriptionsDeleted",
        "EffectiveDeliveryPolicy",
        "BeginningArchiveTime",
    }
)
_JSON = frozenset({"DeliveryPolicy", "ArchivePolicy", "DataProtectionPolicy", "ReplayPolicy"})
_DEFAULTS = {"TracingConfig": "PassThrough", "SignatureVersion": "1", "ContentBasedDeduplication": "false"}
_TOLD_BY_MOTO = frozenset({"DisplayName", "DeliveryPolicy", "KmsMasterKeyId", "ContentBasedDeduplication"})
_PROTOCOLS = {"queue": "sqs", "function": "lambda"}

SUBSCRIPTION = Record(
    keys={
        "queue": Text(),
        "function": Text(),
        "http": Text(),
        "filterPolicy": MapOf(Anything()),
        "filterPolicyScope": Text(choices=("MessageAttributes", "MessageBody")),
        "rawDelivery": Flag(),
        "deadLetterQueue": Either((Text(), Record(keys={"queue": Text()}, required=("queue",)))),
    },
    one_of=("queue", "function", "http"),
    needs_one=True,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """One endpoint of a topic."""

    key: str
    """`queue/orders`, `function/ingest`, `http/https://…`: what it is known by."""
    protocol: str
    endpoint: str
    settings: Mapping[str, Value]
    """rawDelivery, filterPolicy, filterPolicyScope, deadLetterQueue (an ARN)."""
    arn: str = ""

    @property
    def pending(self) -> bool:
        """Whether the endpoint has not confirmed: then nothing can be read or set."""
        return not self.arn.startswith("arn:")

    def fields(self, *, permitted: bool) -> dict[str, Value]:
        """As fields of the topic."""
        path = PREFIX + self.key
        found: dict[str, Value] = {path: True}
        if self.protocol in {"sqs", "lambda"}:
            found[f"{path}.permitted"] = permitted
        if self.arn and self.pending:
            return found
        return found | {f"{path}.{name}": value for name, value in self.settings.items()}


class Sns(Service):
    """Topics, standard and FIFO, and their subscriptions."""

    name = "sns"
    contents = (PREFIX,)
    schema = Record(
        keys={
            "fifo": Flag(),
            "policy": POLICY,
            "tags": TAGS,
            "subscriptions": ListOf(SUBSCRIPTION),
            "aws": Aws(
                service="sns",
                operations=("CreateTopic",),
                instead={"Name": "it is the fixture's key", "Tags": "write tags"},
            ),
        }
    )

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """Names, FIFO rules, attributes that have a place of their own, subscriptions given twice."""
        name, body = fixture.id.name, fixture.body
        if not _NAME.fullmatch(name):
            yield fixture.problem((), f"{name!r} is not a topic name (letters, digits, - and _; at most 256)")
        if body.get("fifo") is not None and body["fifo"] != name.endswith(".fifo"):
            text = "a FIFO topic's name ends in .fifo" if body["fifo"] else "a topic named .fifo is a FIFO topic"
            yield fixture.problem(("fifo",), text)
        for attribute, value in body.get("aws", {}).get("Attributes", {}).items():
            if wrong := _wrong_attribute(attribute, value, fifo=name.endswith(".fifo")):
                yield fixture.problem(("aws", "Attributes", attribute), wrong)
        yield from _subscription_problems(fixture)

    def needs(self, fixture: Fixture) -> Iterator[Need]:
        """Queues and functions that subscribe, and dead-letter queues."""
        for number, one in enumerate(fixture.body.get("subscriptions", ())):
            for kind, service in (("queue", "sqs"), ("function", "lambda")):
                if kind in one and not _is_arn(one[kind]):
                    target = ResourceId(service, one[kind])
                    yield Need(target=target, attribute="arn", path=("subscriptions", number, kind))
            dead = _dead_queue(one)
            if dead and not _is_arn(dead):
                path = ("subscriptions", number, "deadLetterQueue")
                yield Need(target=ResourceId("sqs", dead), attribute="arn", path=path)

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """Name and ARN."""
        return {"name": name, "arn": _topic_arn(name, target)}

    def names(self, target: Target) -> Iterable[str]:
        """All topics."""
        pages = target.pages("sns", "ListTopics")
        return [topic["TopicArn"].rpartition(":")[2] for page in pages for topic in page["Topics"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """Two listings, two reads for each topic, one or two for each subscription."""
        there = set(self.names(target))
        wanted = [look for look in looks if look.name in there]
        about = target.each(lambda look: _about(target, look.name), wanted)
        listed: dict[str, list[Mapping[str, str]]] = {}
        for page in target.pages("sns", "ListSubscriptions") if wanted else ():
            for one in page["Subscriptions"]:
                listed.setdefault(one["TopicArn"], []).append(one)
        arns = [one.attributes["arn"] for one in about]
        flat = [(arn, one) for arn in arns for one in listed.get(arn, ())]
        read = target.each(lambda pair: (pair[0], *_read_subscription(target, *pair)), flat)
        found = {}
        for one in about:
            mine = [(subscription, permitted) for arn, subscription, permitted in read if arn == one.attributes["arn"]]
            found[one.id.name] = _with_subscriptions(one, mine)
        return found

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: fifo, policy, attributes.*, tags.*, subscriptions/*."""
        given = body.get("aws", {}).get("Attributes", {})
        fields: dict[str, Value] = {
            "fifo": fixture.id.name.endswith(".fifo"),
            **{f"attributes.{name}": _normal(name, value) for name, value in given.items()},
            **tag_fields(body.get("tags", {})),
        }
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        pending = {one.key for one in _subscriptions(scope.observed) if one.pending}
        subscriptions = [_declared(one, scope) for one in body.get("subscriptions", ())]
        for one in subscriptions:
            full = one.fields(permitted=True)
            fields |= {PREFIX + one.key: True} | ({} if one.key in pending else full)
        ledger = set()
        if scope.target.endpoint.driver == "moto":
            ledger = {f"attributes.{name}" for name in given if name not in _TOLD_BY_MOTO}
        return Desired(
            id=fixture.id,
            fields=fields,
            spec={one.key: one for one in subscriptions},
            fixed=frozenset({"fifo"}),
            ledger=frozenset(ledger),
        )

    def inspect(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002 - the emulator tells all subscriptions
        *,
        thorough: bool,
    ) -> Iterator[Difference]:
        """Subscriptions that nobody declared, here or in a function's `events`."""
        if not thorough:
            return
        topic = observed.attributes["arn"]
        for one in _subscriptions(observed):
            by_function = one.protocol == "lambda" and function_admits(target, one.endpoint, topic)
            if one.key not in desired.spec and not by_function:
                yield Difference(path=PREFIX + one.key, old=True, kind=DifferenceKind.EXTRA)

    def create(self, target: Target, desired: Desired) -> Written:
        """One call; then the subscriptions."""
        fields = desired.fields
        tags = {path.removeprefix("tags."): value for path, value in fields.items() if path.startswith("tags.")}
        attributes = {path: value for path, value in fields.items() if path.startswith("attributes.")}
        sent = _sent(attributes)
        if fields["fifo"]:
            sent["FifoTopic"] = "true"
        if "policy" in fields:
            sent["Policy"] = policy_text(fields["policy"])
        made = target.call(
            "sns",
            "CreateTopic",
            Name=desired.id.name,
            Tags=_tag_list(target.tagged(tags)),
            **({"Attributes": sent} if sent else {}),
        )
        for one in desired.spec.values():
            _subscribe(target, made["TopicArn"], one)
        return Written(attributes={"arn": made["TopicArn"]})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """One call for each attribute and each setting of a subscription."""
        topic = observed.attributes["arn"]
        changed = {one.path: one.new for one in differences}
        sent = _sent({path: value for path, value in changed.items() if path.startswith("attributes.")})
        if "policy" in changed:
            sent["Policy"] = policy_text(changed["policy"] or _default_policy(topic))
        for name, value in sent.items():
            target.call("sns", "SetTopicAttributes", TopicArn=topic, AttributeName=name, AttributeValue=value)
        added, removed = tag_changes(differences)
        if added:
            target.call("sns", "TagResource", ResourceArn=topic, Tags=_tag_list(added))
        if removed:
            target.call("sns", "UntagResource", ResourceArn=topic, TagKeys=removed)
        _update_subscriptions(target, desired, observed, [path for path in changed if path.startswith(PREFIX)])
        return Written(attributes={"arn": topic})

    def delete(self, target: Target, observed: Observed) -> None:
        """With its subscriptions, which AWS would leave behind."""
        for one in _subscriptions(observed):
            _unsubscribe(target, observed.attributes["arn"], one)
        target.find("sns", "DeleteTopic", *_ABSENT, TopicArn=observed.attributes["arn"])

    def export(self, target: Target, observed: Observed) -> Exported:
        """What differs from AWS's defaults; subscriptions of functions belong to the functions' fixtures too."""
        fields, topic = observed.fields, observed.attributes["arn"]
        attributes = {
            name: policy_text(value)
            for path, value in fields.items()
            if (name := path.removeprefix("attributes.")) != path and value and value != _DEFAULTS.get(name)
        }
        policy = fields.get("policy")
        known = [one for one in _subscriptions(observed) if one.protocol in {"sqs", "lambda", "http", "https"}]
        owned = [one for one in known if one.protocol == "lambda" and function_admits(target, one.endpoint, topic)]
        body: dict[str, Value] = {
            "policy": None if _is_default_policy(policy) else policy,
            "tags": {key: text for key, text in observed.tags.items() if key != OWNER_TAG},
            "subscriptions": [_exported(one) for one in known if one not in owned],
            "aws": {"Attributes": attributes} if attributes else None,
        }
        left = [one.key for one in _subscriptions(observed) if one not in known]
        notes = tuple(f"sns/{observed.id.name}: subscription {key} is not exported" for key in left)
        return Exported(body={key: value for key, value in body.items() if value}, notes=notes)


def _topic_arn(name: str, target: Target) -> str:
    return f"arn:aws:sns:{target.region}:{target.account}:{name}"


def _is_arn(text: str) -> bool:
    return text.startswith("arn:") or "${ref:" in text


def _wrong_attribute(name: str, value: str, *, fifo: bool) -> str | None:
    if name in _INSTEAD:
        return f"is not given here ({_INSTEAD[name]})"
    if name in _READ_ONLY:
        return "is not given here (AWS sets it)"
    if name in {"ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy"} and not fifo:
        return "is for FIFO topics only"
    return "is not JSON" if name in _JSON and isinstance(policy_value(value), str) else None


def _subscription_problems(fixture: Fixture) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, one in enumerate(fixture.body.get("subscriptions", ())):
        path = ("subscriptions", number)
        kind = next(name for name in ("queue", "function", "http") if name in one)
        first = seen.setdefault(f"{kind}/{one[kind]}", number)
        if first != number:
            yield fixture.problem((*path, kind), f"{one[kind]} subscribes twice (first in subscriptions[{first}])")
        if kind == "http" and not one[kind].startswith(("http://", "https://", "${")):
            yield fixture.problem((*path, kind), "must begin with http:// or https://")
        if kind == "function" and one.get("rawDelivery"):
            yield fixture.problem((*path, "rawDelivery"), "is for queues and http only")
        if fixture.id.name.endswith(".fifo") and kind != "queue":
            yield fixture.problem((*path, kind), "only queues can subscribe to a FIFO topic")
        if "filterPolicyScope" in one and "filterPolicy" not in one:
            yield fixture.problem((*path, "filterPolicyScope"), "needs a filterPolicy")


def _dead_queue(given: Mapping[str, Value]) -> str | None:
    dead = given.get("deadLetterQueue")
    return dead["queue"] if isinstance(dead, dict) else dead


def _declared(given: Mapping[str, Value], scope: Scope) -> Subscription:
    kind = next(name for name in ("queue", "function", "http") if name in given)
    endpoint = _arn_of(given[kind], kind, scope) if kind in _PROTOCOLS else given[kind]
    dead = _dead_queue(given)
    return Subscription(
        key=_key(kind, endpoint),
        protocol=_PROTOCOLS.get(kind) or endpoint.partition(":")[0],
        endpoint=endpoint,
        settings={
            "rawDelivery": given.get("rawDelivery", False),
            "filterPolicy": given.get("filterPolicy") or None,
            "filterPolicyScope": given.get("filterPolicyScope", "MessageAttributes"),
            "deadLetterQueue": _arn_of(dead, "queue", scope) if dead else None,
        },
    )


def _arn_of(name: str, kind: str, scope: Scope) -> str:
    if name.startswith("arn:") or name == KNOWN_LATER:
        return name
    return scope.resolve(ResourceId(_PROTOCOLS[kind], name), "arn")


def _key(kind: str, endpoint: str) -> str:
    return f"{kind}/{endpoint.rpartition(':')[2] if kind in _PROTOCOLS else endpoint}"


def _about(target: Target, name: str) -> Observed:
    arn = _topic_arn(name, target)
    attributes: dict[str, str] = target.call("sns", "GetTopicAttributes", TopicArn=arn)["Attributes"]
    tags = {tag["Key"]: tag["Value"] for tag in target.call("sns", "ListTagsForResource", ResourceArn=arn)["Tags"]}
    hidden = {*_READ_ONLY, *_INSTEAD}
    fields: dict[str, Value] = {
        "fifo": attributes.get("FifoTopic") == "true",
        "policy": policy_value(attributes.get("Policy")),
        **{f"attributes.{key}": _normal(key, value) for key, value in attributes.items() if key not in hidden},
        **tag_fields(tags),
    }
    return Observed(id=ResourceId("sns", name), fields=fields, attributes={"name": name, "arn": arn}, tags=tags)


def _read_subscription(target: Target, topic: str, listed: Mapping[str, str]) -> tuple[Subscription, bool]:
    protocol, endpoint, arn = listed["Protocol"], listed["Endpoint"], listed["SubscriptionArn"]
    attributes: dict[str, str] = {}
    if arn.startswith("arn:"):
        found = target.find("sns", "GetSubscriptionAttributes", *_ABSENT, SubscriptionArn=arn) or {}
        attributes = found.get("Attributes", {})
    kinds = {"sqs": "queue", "lambda": "function", "http": "http", "https": "http"}
    redrive = policy_value(attributes.get("RedrivePolicy")) or {}
    subscription = Subscription(
        key=_key(kinds.get(protocol, protocol), endpoint),
        protocol=protocol,
        endpoint=endpoint,
        arn=arn,
        settings={
            "rawDelivery": attributes.get("RawMessageDelivery", "false").lower() == "true",
            "filterPolicy": policy_value(attributes.get("FilterPolicy")) or None,
            "filterPolicyScope": attributes.get("FilterPolicyScope") or "MessageAttributes",
            "deadLetterQueue": redrive.get("deadLetterTargetArn"),
        },
    )
    return subscription, _permitted(target, topic, subscription)


def _permitted(target: Target, topic: str, subscription: Subscription) -> bool:
    match subscription.protocol:
        case "sqs":
            return queue_admits(target, subscription.endpoint, topic)
        case "lambda":
            return function_admits(target, subscription.endpoint, topic)
        case _:
            return True


def _with_subscriptions(topic: Observed, found: Sequence[tuple[Subscription, bool]]) -> Observed:
    fields = dict(topic.fields)
    for one, permitted in found:
        fields |= one.fields(permitted=permitted)
    return Observed(
        id=topic.id,
        fields=fields,
        attributes=topic.attributes,
        tags=topic.tags,
        spec={one.key: one for one, _ in found},
    )


def _subscriptions(observed: Observed | None) -> list[Subscription]:
    return list(observed.spec.values()) if observed is not None and observed.spec else []


def _subscribe(target: Target, topic: str, subscription: Subscription) -> str:
    """Permission first: a message must not find a subscription that it may not pass."""
    _admit(target, topic, subscription)
    attributes = _attributes(subscription.settings)
    made = target.call(
        "sns",
        "Subscribe",
        TopicArn=topic,
        Protocol=subscription.protocol,
        Endpoint=subscription.endpoint,
        Attributes={name: value for name, value in attributes.items() if value not in {"{}", "false"}},
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _admit(target: Target, topic: str, subscription: Subscription) -> None:
    if subscription.protocol == "sqs":
        admit_to_queue(target, subscription.endpoint, topic)
    elif subscription.protocol == "lambda":
        admit_to_function(target, subscription.endpoint, topic)


def _unsubscribe(target: Target, topic: str, subscription: Subscription) -> None:
    if not subscription.pending:
        target.find("sns", "Unsubscribe", *_ABSENT, SubscriptionArn=subscription.arn)
    if subscription.protocol == "sqs":
        dismiss_from_queue(target, subscription.endpoint, topic)
    elif subscription.protocol == "lambda":
        dismiss_from_function(target, subscription.endpoint, topic)


def _update_subscriptions(target: Target, desired: Desired, observed: Observed, paths: Sequence[str]) -> None:
    topic = observed.attributes["arn"]
    there = {one.key: one for one in _subscriptions(observed)}
    for key, one in desired.spec.items():
        about = [path for path in paths if path == PREFIX + key or path.startswith(f"{PREFIX}{key}.")]
        if not about:
            continue
        if key not in there:
            _subscribe(target, topic, one)
        else:
            if f"{PREFIX}{key}.permitted" in about:
                _admit(target, topic, one)
            _set_attributes(target, there[key].arn, one, about)
    for key, one in there.items():
        if key not in desired.spec and PREFIX + key in paths:
            _unsubscribe(target, topic, one)


def _set_attributes(target: Target, arn: str, subscription: Subscription, paths: Sequence[str]) -> None:
    changed = {path.rpartition(".")[2] for path in paths}
    names = {"rawDelivery": "RawMessageDelivery", "filterPolicy": "FilterPolicy", "deadLetterQueue": "RedrivePolicy"}
    names["filterPolicyScope"] = "FilterPolicyScope"
    values = _attributes(subscription.settings)
    # The scope first: AWS checks a filter policy against the scope that is there.
    for setting in ("filterPolicyScope", "filterPolicy", "rawDelivery", "deadLetterQueue"):
        if setting in changed:
            name = names[setting]
            value = values.get(name, "MessageAttributes")
            target.call(
                "sns", "SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value
            )


def _attributes(settings: Mapping[str, Value]) -> dict[str, str]:
    dead = settings["deadLetterQueue"]
    made = {
        "RawMessageDelivery": "true" if settings["rawDelivery"] else "false",
        "FilterPolicy": policy_text(settings["filterPolicy"] or {}),
        "RedrivePolicy": policy_text({"deadLetterTargetArn": dead} if dead else {}),
    }
    if settings["filterPolicy"]:
        made["FilterPolicyScope"] = settings["filterPolicyScope"]
    return made


def _normal(name: str, value: str) -> Value:
    if name in _JSON:
        return policy_value(value) or None
    lowered = value.lower()
    return lowered if lowered in {"true", "false"} else value or None


def _sent(fields: Mapping[str, Value]) -> dict[str, str]:
    named = {path.removeprefix("attributes."): value for path, value in fields.items()}
    return {name: _DEFAULTS.get(name, "") if value is None else policy_text(value) for name, value in named.items()}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _default_policy(topic: str) -> dict[str, Any]:
    """What AWS gives every topic: its owner may do everything."""
    account = topic.split(":")[4]
    actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in (*actions, "Subscribe", "ListSubscriptionsByTopic", "Publish")],
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


def _is_default_policy(policy: Value) -> bool:
    return policy is None or (isinstance(policy, dict) and policy.get("Id") == "__default_policy_ID")


def _exported(subscription: Subscription) -> dict[str, Value]:
    kind = next((kind for kind, protocol in _PROTOCOLS.items() if protocol == subscription.protocol), "http")
    endpoint = subscription.endpoint.rpartition(":")[2] if kind in _PROTOCOLS else subscription.endpoint
    settings = subscription.settings
    dead = settings["deadLetterQueue"]
    made = {
        kind: endpoint,
        "filterPolicy": settings["filterPolicy"],
        "filterPolicyScope": settings["filterPolicyScope"]
        if settings["filterPolicyScope"] != "MessageAttributes" and settings["filterPolicy"]
        else None,
        "rawDelivery": settings["rawDelivery"],
        "deadLetterQueue": dead.rpartition(":")[2] if dead else None,
    }
    return {key: value for key, value in made.items() if value}
