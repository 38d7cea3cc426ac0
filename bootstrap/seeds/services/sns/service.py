"""Amazon SNS."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import Problem
from bootstrap.model import labels
from bootstrap.seeds.model import (
    Desired,
    Difference,
    DifferenceKind,
    Fixture,
    Need,
    Observed,
    ResourceId,
    Value,
)
from bootstrap.seeds.schema import POLICY, TAGS, Aws, Flag, ListOf, Record
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.limits import display_name_problem, tag_problems
from bootstrap.seeds.services.permissions import BY_FUNCTION, function_admits
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.services.sns.subscriptions import (
    PREFIX,
    SUBSCRIPTION,
    Subscription,
    dead_queue,
    declared,
    exported_subscription,
    is_arn,
    read_subscription,
    subscribe,
    subscription_problems,
    subscriptions_of,
    unsubscribe,
    update_subscriptions,
)
from bootstrap.seeds.target import Target

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
_PROTECTION = "DataProtectionPolicy"
"""A parameter of CreateTopic that no attribute holds."""
_JSON = frozenset({"DeliveryPolicy", "ArchivePolicy", "ReplayPolicy"})
_DEFAULTS = {"TracingConfig": "PassThrough", "SignatureVersion": "1", "ContentBasedDeduplication": "false"}


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
        yield from (fixture.problem(path, text) for path, text in tag_problems(body.get("tags", {})))
        yield from subscription_problems(fixture)

    def needs(self, fixture: Fixture) -> Iterator[Need]:
        """Queues and functions that subscribe, and dead-letter queues."""
        for number, subscription in enumerate(fixture.body.get("subscriptions", ())):
            for kind, service in (("queue", "sqs"), ("function", "lambda")):
                if kind in subscription and not is_arn(subscription[kind]):
                    target = ResourceId(service, subscription[kind])
                    yield Need(target=target, attribute="arn", path=("subscriptions", number, kind))
            dead = dead_queue(subscription)
            if dead and not is_arn(dead):
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
        """Two listings, two reads for each topic, three if it has subscriptions, one or two for each of these."""
        there = set(self.names(target))
        present = [look for look in looks if look.name in there]
        about = target.each(lambda look: _about(target, look.name), present)
        arns = [item.attributes["arn"] for item in about]
        flat = _listed(target, arns) if present else []
        read = target.each(lambda pair: (pair[0], *read_subscription(target, *pair)), flat)
        by_topic = {}
        for topic in about:
            mine = [
                (subscription, permitted) for arn, subscription, permitted in read if arn == topic.attributes["arn"]
            ]
            by_topic[topic.id.name] = _with_subscriptions(topic, mine)
        return by_topic

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: fifo, policy, attributes.*, tags.*, subscriptions/*."""
        given = body.get("aws", {}).get("Attributes", {})
        fields: dict[str, Value] = {
            "fifo": fixture.id.name.endswith(".fifo"),
            **{f"attributes.{name}": _normal(name, value) for name, value in given.items()},
            **tag_fields(body.get("tags", {})),
        }
        if _PROTECTION in body.get("aws", {}):
            fields[f"aws.{_PROTECTION}"] = policy_value(body["aws"][_PROTECTION])
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        pending = {subscription.key for subscription in subscriptions_of(scope.observed) if subscription.pending}
        subscriptions = [declared(subscription, scope) for subscription in body.get("subscriptions", ())]
        for item in subscriptions:
            full = item.fields(permitted=True)
            fields |= {PREFIX + item.key: True} | ({} if item.key in pending else full)
        return Desired(
            id=fixture.id,
            fields=fields,
            spec={subscription.key: subscription for subscription in subscriptions},
            fixed=frozenset({"fifo"}),
            ledger=frozenset({f"aws.{_PROTECTION}"}),
            verbatim=frozenset(
                (
                    *(path for path in fields if path.startswith("attributes.")),
                    *(path for subscription in subscriptions for path in subscription.verbatim()),
                )
            ),
        )

    def inspect(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002 - the emulator returns all subscriptions
        *,
        thorough: bool,
    ) -> Iterator[Difference]:
        """Subscriptions that nobody declared, here or in a function's `events`."""
        if not thorough:
            return
        topic = observed.attributes["arn"]
        for subscription in subscriptions_of(observed):
            by_function = _of_function(target, subscription, topic)
            if subscription.key not in desired.spec and not by_function:
                yield Difference(path=PREFIX + subscription.key, old=True, kind=DifferenceKind.EXTRA)

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
        protection = fields.get(f"aws.{_PROTECTION}")
        response = target.call(
            "sns",
            "CreateTopic",
            Name=desired.id.name,
            Tags=_tag_list(target.tagged(tags)),
            **({"Attributes": sent} if sent else {}),
            **({_PROTECTION: policy_text(protection)} if protection else {}),
        )
        for item in desired.spec.values():
            subscribe(target, response["TopicArn"], item)
        return Written(attributes={"arn": response["TopicArn"]})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """One call for each attribute and each setting of a subscription."""
        topic = observed.attributes["arn"]
        changed = {difference.path: difference.new for difference in differences}
        sent = _sent({path: value for path, value in changed.items() if path.startswith("attributes.")})
        if "policy" in changed:
            sent["Policy"] = policy_text(changed["policy"] or _default_policy(topic))
        if f"aws.{_PROTECTION}" in changed:
            text = policy_text(changed[f"aws.{_PROTECTION}"] or {})
            target.call("sns", "PutDataProtectionPolicy", ResourceArn=topic, DataProtectionPolicy=text)
        for name, value in sent.items():
            target.call("sns", "SetTopicAttributes", TopicArn=topic, AttributeName=name, AttributeValue=value)
        added, removed = tag_changes(differences)
        if added:
            target.call("sns", "TagResource", ResourceArn=topic, Tags=_tag_list(added))
        if removed:
            target.call("sns", "UntagResource", ResourceArn=topic, TagKeys=removed)
        update_subscriptions(target, desired, observed, [path for path in changed if path.startswith(PREFIX)])
        return Written(attributes={"arn": topic})

    def delete(self, target: Target, observed: Observed) -> None:
        """With its subscriptions, which AWS would leave behind."""
        for subscription in subscriptions_of(observed):
            unsubscribe(target, observed.attributes["arn"], subscription)
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
        subscriptions = [
            subscription
            for subscription in subscriptions_of(observed)
            if subscription.protocol in {"sqs", "lambda", "http", "https"}
        ]
        subscriptions.sort(key=lambda subscription: subscription.key)
        owned = [subscription for subscription in subscriptions if _of_function(target, subscription, topic)]
        body: dict[str, Value] = {
            "policy": None if _is_default_policy(policy) else policy,
            "tags": {key: text for key, text in observed.tags.items() if key != labels.OWNER},
            "subscriptions": [
                exported_subscription(subscription)
                for subscription in sorted(subscriptions, key=lambda subscription: subscription.key)
                if subscription not in owned
            ],
            "aws": {"Attributes": attributes} if attributes else None,
        }
        left = [subscription.key for subscription in subscriptions_of(observed) if subscription not in subscriptions]
        notes = tuple(f"subscription {key} is not exported" for key in left)
        return Exported(body={key: value for key, value in body.items() if value}, notes=notes)


def _of_function(target: Target, subscription: Subscription, topic: str) -> bool:
    """Whether a function's `events` made it."""
    return subscription.protocol == "lambda" and function_admits(target, subscription.endpoint, topic, by=BY_FUNCTION)


def _topic_arn(name: str, target: Target) -> str:
    return f"arn:aws:sns:{target.region}:{target.account}:{name}"


def _wrong_attribute(name: str, value: str, *, fifo: bool) -> str | None:
    if name in _INSTEAD:
        return f"is not given here ({_INSTEAD[name]})"
    if name == "DisplayName" and (wrong := display_name_problem(value)):
        return wrong
    if name in _READ_ONLY:
        return "is not given here (AWS sets it)"
    if name in {"ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy"} and not fifo:
        return "is for FIFO topics only"
    return "is not JSON" if name in _JSON and isinstance(policy_value(value), str) else None


def _listed(target: Target, topics: Sequence[str]) -> list[tuple[str, Mapping[str, str]]]:
    """The subscriptions of these topics, as listed; the listing of all says which topics have any.

    That one also has what a deleted topic left, which no new topic of its name has.
    """
    pages = target.pages("sns", "ListSubscriptions")
    subscribed = {entry["TopicArn"] for page in pages for entry in page["Subscriptions"]}
    entries = target.each(
        lambda topic: (topic, _of_topic(target, topic)), [each for each in topics if each in subscribed]
    )
    return [(topic, entry) for topic, own in entries for entry in own]


def _of_topic(target: Target, topic: str) -> list[Mapping[str, str]]:
    pages = target.pages("sns", "ListSubscriptionsByTopic", TopicArn=topic)
    return [entry for page in pages for entry in page["Subscriptions"]]


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


def _with_subscriptions(topic: Observed, subscriptions: Sequence[tuple[Subscription, bool]]) -> Observed:
    fields = dict(topic.fields)
    for subscription, permitted in subscriptions:
        fields |= subscription.fields(permitted=permitted)
    return Observed(
        id=topic.id,
        fields=fields,
        attributes=topic.attributes,
        tags=topic.tags,
        spec={item.key: item for item, _ in subscriptions},
    )


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
