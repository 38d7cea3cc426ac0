"""The subscriptions of a topic: declared, found, created and deleted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.errors import Problem
from bootstrap.seeds.aws_shapes import unknown_parameter
from bootstrap.seeds.model import (
    KNOWN_LATER,
    Desired,
    Fixture,
    Observed,
    ResourceId,
    Value,
)
from bootstrap.seeds.schema import Anything, Aws, Either, Flag, MapOf, Record, Text
from bootstrap.seeds.services.base import Scope
from bootstrap.seeds.services.permissions import (
    BY_TOPIC,
    admit_to_function,
    admit_to_queue,
    dismiss_from_function,
    dismiss_from_queue,
    function_admits,
    queue_admits,
)
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.services.sns.filter_policy import filter_policy_problems
from bootstrap.seeds.target import Target
from bootstrap.yamltext.positions import ValuePath

_ABSENT = ("NotFound", "NotFoundException")

PREFIX = "subscriptions/"
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
        "aws": Aws(
            service="sns",
            operations=("Subscribe",),
            instead={
                "TopicArn": "it is the fixture's key",
                "Protocol": "write queue, function or http",
                "Endpoint": "write queue, function or http",
                "ReturnSubscriptionArn": "it is made",
            },
        ),
    },
    one_of=("queue", "function", "http"),
    needs_one=True,
)


_OURS = {
    "RawMessageDelivery": "write rawDelivery",
    "FilterPolicy": "write filterPolicy",
    "FilterPolicyScope": "write filterPolicyScope",
    "RedrivePolicy": "write deadLetterQueue",
}
_THEIRS = ("DeliveryPolicy", "ReplayPolicy", "SubscriptionRoleArn")
"""Attributes that are given under `aws:`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """One endpoint of a topic."""

    key: str
    """`queue/orders`, `function/ingest`, `http/https://…`: what it is known by."""
    protocol: str
    endpoint: str
    settings: Mapping[str, Value]
    """rawDelivery, filterPolicy, filterPolicyScope, deadLetterQueue (an ARN), and AWS's own by their names."""
    arn: str = ""

    def verbatim(self) -> Iterator[str]:
        """The fields in AWS's own words."""
        return (f"{PREFIX}{self.key}.{name}" for name in _THEIRS if name in self.settings)

    @property
    def pending(self) -> bool:
        """Whether the endpoint has not confirmed: then nothing can be read or set."""
        return not self.arn.startswith("arn:")

    def fields(self, *, permitted: bool) -> dict[str, Value]:
        """As fields of the topic."""
        path = PREFIX + self.key
        values: dict[str, Value] = {path: True}
        if self.protocol in {"sqs", "lambda"}:
            values[f"{path}.permitted"] = permitted
        if self.arn and self.pending:
            return values
        return values | {f"{path}.{name}": value for name, value in self.settings.items()}


def is_arn(text: str) -> bool:
    """Whether the text names something by ARN, or by a reference that gives one."""
    return text.startswith("arn:") or "${ref:" in text


def subscription_problems(fixture: Fixture) -> Iterator[Problem]:
    """Endpoints given twice, and settings that do not fit them."""
    seen: dict[str, int] = {}
    for number, subscription in enumerate(fixture.body.get("subscriptions", ())):
        path = ("subscriptions", number)
        kind = next(name for name in ("queue", "function", "http") if name in subscription)
        first = seen.setdefault(f"{kind}/{subscription[kind]}", number)
        if first != number:
            yield fixture.problem(
                (*path, kind), f"{subscription[kind]} subscribes twice (first in subscriptions[{first}])"
            )
        yield from _endpoint_problems(fixture, path, kind, subscription)
        yield from _filter_problems(fixture, path, subscription)
        yield from _attribute_problems(fixture, path, subscription)
        if "filterPolicyScope" in subscription and "filterPolicy" not in subscription:
            yield fixture.problem((*path, "filterPolicyScope"), "needs a filterPolicy")


def _endpoint_problems(fixture: Fixture, path: ValuePath, kind: str, given: Mapping[str, Value]) -> Iterator[Problem]:
    if kind == "http" and not given[kind].startswith(("http://", "https://", "${")):
        yield fixture.problem((*path, kind), "must begin with http:// or https://")
    if kind == "function" and given.get("rawDelivery"):
        yield fixture.problem((*path, "rawDelivery"), "is for queues and http only")
    if fixture.id.name.endswith(".fifo") and kind != "queue":
        yield fixture.problem((*path, kind), "only queues can subscribe to a FIFO topic")
    dead = dead_queue(given)
    if dead and "${" not in dead and dead.endswith(".fifo") != (kind == "queue" and given[kind].endswith(".fifo")):
        text = "the dead-letter queue of a FIFO queue's subscription is FIFO, and of any other one standard"
        yield fixture.problem((*path, "deadLetterQueue"), text)
    if kind == "queue" and given[kind].endswith(".fifo") and not fixture.id.name.endswith(".fifo"):
        yield fixture.problem((*path, kind), "a FIFO queue can subscribe to a FIFO topic only")


def _filter_problems(fixture: Fixture, path: ValuePath, given: Mapping[str, Value]) -> Iterator[Problem]:
    scope = given.get("filterPolicyScope", "MessageAttributes")
    for inside, text in filter_policy_problems(given.get("filterPolicy", {}), scope):
        yield fixture.problem((*path, "filterPolicy", *inside), text)


def _attribute_problems(fixture: Fixture, path: ValuePath, given: Mapping[str, Value]) -> Iterator[Problem]:
    for name, value in given.get("aws", {}).get("Attributes", {}).items():
        if wrong := _wrong_attribute(name, value):
            yield fixture.problem((*path, "aws", "Attributes", name), wrong)


def _wrong_attribute(name: str, value: str) -> str | None:
    if name in _OURS:
        return f"is not given here ({_OURS[name]})"
    if name not in _THEIRS:
        return unknown_parameter(name, dict.fromkeys(_THEIRS))
    return "is not JSON" if name != "SubscriptionRoleArn" and isinstance(policy_value(value), str) else None


def dead_queue(given: Mapping[str, Value]) -> str | None:
    """The dead-letter queue of a fixture's entry."""
    dead = given.get("deadLetterQueue")
    return dead["queue"] if isinstance(dead, dict) else dead


def declared(given: Mapping[str, Value], scope: Scope) -> Subscription:
    """The subscription that a fixture's entry means."""
    kind = next(name for name in ("queue", "function", "http") if name in given)
    endpoint = _arn_of(given[kind], kind, scope) if kind in _PROTOCOLS else given[kind]
    dead = dead_queue(given)
    return Subscription(
        key=_key(kind, endpoint),
        protocol=_PROTOCOLS.get(kind) or endpoint.partition(":")[0],
        endpoint=endpoint,
        settings={
            "rawDelivery": given.get("rawDelivery", False),
            "filterPolicy": given.get("filterPolicy") or None,
            "filterPolicyScope": given.get("filterPolicyScope", "MessageAttributes"),
            "deadLetterQueue": _arn_of(dead, "queue", scope) if dead else None,
            **{name: policy_value(value) for name, value in given.get("aws", {}).get("Attributes", {}).items()},
        },
    )


def _arn_of(name: str, kind: str, scope: Scope) -> str:
    if name.startswith("arn:") or name == KNOWN_LATER:
        return name
    return scope.resolve(ResourceId(_PROTOCOLS[kind], name), "arn")


def _key(kind: str, endpoint: str) -> str:
    return f"{kind}/{endpoint.rpartition(':')[2] if kind in _PROTOCOLS else endpoint}"


def read_subscription(target: Target, topic: str, listed: Mapping[str, str]) -> tuple[Subscription, bool]:
    """A listed subscription with its settings, and whether its endpoint lets the topic in."""
    protocol, endpoint, arn = listed["Protocol"], listed["Endpoint"], listed["SubscriptionArn"]
    attributes: dict[str, str] = {}
    if arn.startswith("arn:"):
        response = target.find("sns", "GetSubscriptionAttributes", *_ABSENT, SubscriptionArn=arn) or {}
        attributes = response.get("Attributes", {})
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
            **{name: policy_value(attributes[name]) for name in _THEIRS if attributes.get(name)},
        },
    )
    return subscription, _permitted(target, topic, subscription)


def _permitted(target: Target, topic: str, subscription: Subscription) -> bool:
    match subscription.protocol:
        case "sqs":
            return queue_admits(target, subscription.endpoint, topic)
        case "lambda":
            return function_admits(target, subscription.endpoint, topic, by=BY_TOPIC)
        case _:
            return True


def subscriptions_of(observed: Observed | None) -> list[Subscription]:
    """Those that were found."""
    return list(observed.spec.values()) if observed is not None and observed.spec else []


def subscribe(target: Target, topic: str, subscription: Subscription) -> str:
    """Permission first: a message must not find a subscription that it may not pass."""
    _admit(target, topic, subscription)
    attributes = _attributes(subscription.settings)
    response = target.call(
        "sns",
        "Subscribe",
        TopicArn=topic,
        Protocol=subscription.protocol,
        Endpoint=subscription.endpoint,
        Attributes={name: value for name, value in attributes.items() if value not in {"{}", "false"}},
        ReturnSubscriptionArn=True,
    )
    return str(response["SubscriptionArn"])


def _admit(target: Target, topic: str, subscription: Subscription) -> None:
    if subscription.protocol == "sqs":
        admit_to_queue(target, subscription.endpoint, topic)
    elif subscription.protocol == "lambda":
        admit_to_function(target, subscription.endpoint, topic, by=BY_TOPIC)


def unsubscribe(target: Target, topic: str, subscription: Subscription) -> None:
    """Delete it, and the permission with it; passes if it is gone."""
    if not subscription.pending:
        target.find("sns", "Unsubscribe", *_ABSENT, SubscriptionArn=subscription.arn)
    if subscription.protocol == "sqs":
        dismiss_from_queue(target, subscription.endpoint, topic)
    elif subscription.protocol == "lambda":
        dismiss_from_function(target, subscription.endpoint, topic, by=BY_TOPIC)


def update_subscriptions(target: Target, desired: Desired, observed: Observed, paths: Sequence[str]) -> None:
    """Create, change and delete those that `paths` are about."""
    topic = observed.attributes["arn"]
    there = {subscription.key: subscription for subscription in subscriptions_of(observed)}
    for key, entry in desired.spec.items():
        about = [path for path in paths if path == PREFIX + key or path.startswith(f"{PREFIX}{key}.")]
        if not about:
            continue
        if key not in there:
            subscribe(target, topic, entry)
        else:
            if f"{PREFIX}{key}.permitted" in about:
                _admit(target, topic, entry)
            _set_attributes(target, there[key].arn, entry, about)
    for key, existing in there.items():
        if key not in desired.spec and PREFIX + key in paths:
            unsubscribe(target, topic, existing)


def _set_attributes(target: Target, arn: str, subscription: Subscription, paths: Sequence[str]) -> None:
    changed = {path.rpartition(".")[2] for path in paths}
    names = {"rawDelivery": "RawMessageDelivery", "filterPolicy": "FilterPolicy", "deadLetterQueue": "RedrivePolicy"}
    names |= {"filterPolicyScope": "FilterPolicyScope"} | {name: name for name in _THEIRS}
    values = _attributes(subscription.settings)
    # The scope first: AWS checks a filter policy against the scope that is there.
    for setting in ("filterPolicyScope", "filterPolicy", "rawDelivery", "deadLetterQueue", *_THEIRS):
        if setting in changed:
            name = names[setting]
            value = values.get(name, "" if name in _THEIRS else "MessageAttributes")
            target.call(
                "sns", "SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value
            )


def _attributes(settings: Mapping[str, Value]) -> dict[str, str]:
    dead = settings["deadLetterQueue"]
    attributes = {
        "RawMessageDelivery": "true" if settings["rawDelivery"] else "false",
        "FilterPolicy": policy_text(settings["filterPolicy"] or {}),
        "RedrivePolicy": policy_text({"deadLetterTargetArn": dead} if dead else {}),
    }
    if settings["filterPolicy"]:
        attributes["FilterPolicyScope"] = settings["filterPolicyScope"]
    return attributes | {name: policy_text(settings[name]) for name in _THEIRS if name in settings}


def exported_subscription(subscription: Subscription) -> dict[str, Value]:
    """As a fixture's entry."""
    kind = next((kind for kind, protocol in _PROTOCOLS.items() if protocol == subscription.protocol), "http")
    endpoint = subscription.endpoint.rpartition(":")[2] if kind in _PROTOCOLS else subscription.endpoint
    settings = subscription.settings
    dead = settings["deadLetterQueue"]
    theirs = {name: policy_text(settings[name]) for name in _THEIRS if name in settings}
    attributes = {
        kind: endpoint,
        "filterPolicy": settings["filterPolicy"],
        "filterPolicyScope": settings["filterPolicyScope"]
        if settings["filterPolicyScope"] != "MessageAttributes" and settings["filterPolicy"]
        else None,
        "rawDelivery": settings["rawDelivery"],
        "deadLetterQueue": dead.rpartition(":")[2] if dead else None,
        "aws": {"Attributes": theirs} if theirs else None,
    }
    return {key: value for key, value in attributes.items() if value}
