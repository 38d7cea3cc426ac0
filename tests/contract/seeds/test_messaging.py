"""Queues and topics as fixtures declare them, read back through plain boto3."""

import json
from typing import Any

import pytest

from bootstrap.model.stack import Driver
from bootstrap.seeds.services.base import Look
from bootstrap.seeds.services.sns.service import Sns
from bootstrap.seeds.services.sqs import Sqs
from bootstrap.seeds.target import Target
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

OWNER = ("bootstrap.dev/owner", "test-0123")


def queue_url(bench: Bench, name: str) -> str:
    return str(bench.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def attributes(bench: Bench, name: str) -> dict[str, str]:
    answer = bench.client("sqs").get_queue_attributes(QueueUrl=queue_url(bench, name), AttributeNames=["All"])
    return dict(answer["Attributes"])


def drained(bench: Bench, name: str) -> list[str]:
    """Every message now in the queue; they stay hidden for a while."""
    bodies: list[str] = []
    while True:
        answer = bench.client("sqs").receive_message(
            QueueUrl=queue_url(bench, name), MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=1
        )
        if not answer.get("Messages"):
            return sorted(bodies)
        for message in answer["Messages"]:
            bodies.append(message["Body"])
            bench.client("sqs").delete_message(QueueUrl=queue_url(bench, name), ReceiptHandle=message["ReceiptHandle"])


def topic_arn(bench: Bench, name: str) -> str:
    topics = bench.client("sns").list_topics()["Topics"]
    return next(str(topic["TopicArn"]) for topic in topics if topic["TopicArn"].endswith(f":{name}"))


def subscriptions(bench: Bench, name: str) -> dict[str, dict[str, str]]:
    sns = bench.client("sns")
    listed = sns.list_subscriptions_by_topic(TopicArn=topic_arn(bench, name))["Subscriptions"]
    return {
        entry["Endpoint"]: dict(sns.get_subscription_attributes(SubscriptionArn=entry["SubscriptionArn"])["Attributes"])
        for entry in listed
    }


EVERY_QUEUE_ATTRIBUTE = """
sqs:
  dead.fifo: {}
  orders.fifo:
    fifo: true
    deadLetterQueue: {queue: dead.fifo, maxReceiveCount: 7}
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: "*", Action: "sqs:SendMessage", Resource: "*"}]
    tags: {team: sales}
    aws:
      Attributes:
        ContentBasedDeduplication: "true"
        DeduplicationScope: messageGroup
        FifoThroughputLimit: perMessageGroupId
        VisibilityTimeout: "31"
        DelaySeconds: "2"
        MaximumMessageSize: "2048"
        MessageRetentionPeriod: "86400"
        ReceiveMessageWaitTimeSeconds: "3"
        KmsMasterKeyId: alias/aws/sqs
        KmsDataKeyReusePeriodSeconds: "600"
  plain:
    aws: {Attributes: {SqsManagedSseEnabled: "false", RedriveAllowPolicy: '{"redrivePermission": "denyAll"}'}}
"""


def test_every_attribute_of_a_queue(bench: Bench) -> None:
    bench.apply(EVERY_QUEUE_ATTRIBUTE)
    shown = attributes(bench, "orders.fifo")
    assert shown["FifoQueue"] == "true"
    assert shown["VisibilityTimeout"] == "31"
    assert shown["DelaySeconds"] == "2"
    assert shown["MaximumMessageSize"] == "2048"
    assert shown["MessageRetentionPeriod"] == "86400"
    assert shown["ReceiveMessageWaitTimeSeconds"] == "3"
    assert shown["KmsMasterKeyId"] == "alias/aws/sqs"
    assert shown["KmsDataKeyReusePeriodSeconds"] == "600"
    assert shown["DeduplicationScope"] == "messageGroup"
    assert json.loads(shown["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"
    dead = attributes(bench, "dead.fifo")["QueueArn"]
    assert json.loads(shown["RedrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 7}
    tags = bench.client("sqs").list_queue_tags(QueueUrl=queue_url(bench, "orders.fifo"))["Tags"]
    assert tags == {"team": "sales", OWNER[0]: OWNER[1]}
    bench.settled()


def test_drift_of_a_queue_is_told_by_field_and_repaired(bench: Bench) -> None:
    bench.apply(EVERY_QUEUE_ATTRIBUTE)
    sqs, url = bench.client("sqs"), queue_url(bench, "orders.fifo")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60", "RedrivePolicy": ""})
    sqs.tag_queue(QueueUrl=url, Tags={"team": "marketing"})
    differing = bench.differing()
    if bench.driver is Driver.MOTO:
        differing.pop("sqs/orders.fifo: policy", None)  # moto forgets it when other attributes are set
    assert differing == {
        "sqs/orders.fifo: attributes.VisibilityTimeout": "drifted",
        "sqs/orders.fifo: deadLetterQueue": "drifted",
        "sqs/orders.fifo: tags.team": "drifted",
    }
    bench.refresh()
    assert attributes(bench, "orders.fifo")["VisibilityTimeout"] == "31"
    bench.settled()


def test_what_is_no_longer_declared_goes_back_to_the_default(bench: Bench) -> None:
    bench.apply(
        'sqs: {orders: {tags: {team: sales}, policy: {Statement: []}, aws: {Attributes: {VisibilityTimeout: "60"}}}}'
    )
    bench.apply("sqs: {orders: {}}")
    shown = attributes(bench, "orders")
    assert shown["VisibilityTimeout"] == "30"
    assert not shown.get("Policy")
    bench.settled()


def test_standard_to_fifo_is_another_queue(bench: Bench) -> None:
    bench.apply("sqs: {orders: {}, jobs.fifo: {}}")
    bench.apply("sqs: {jobs.fifo: {}}")
    assert [str(resource.id) for resource in bench.plan().resources if resource.action == "orphaned"] == ["sqs/orders"]
    bench.prune()
    urls = bench.client("sqs").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in urls] == ["jobs.fifo"]


def test_messages_are_sent_once_per_content(bench: Bench) -> None:
    bench.apply("sqs: {orders: {messages: [one, {json: {id: 2}, attributes: {kind: order}}]}}")
    bench.settled()
    bench.apply("sqs: {orders: {messages: [one, {json: {id: 2}, attributes: {kind: order}}, three]}}")
    assert drained(bench, "orders") == ["one", "three", '{"id": 2}']
    bench.settled()


def test_refresh_purges_and_sends_again(bench: Bench) -> None:
    bench.apply("sqs: {orders: {messages: [one, two]}, jobs.fifo: {messages: [{body: a, group: g}]}, other: {}}")
    bench.client("sqs").send_message(QueueUrl=queue_url(bench, "orders"), MessageBody="foreign")
    bench.client("sqs").send_message(QueueUrl=queue_url(bench, "other"), MessageBody="foreign")
    bench.refresh()
    assert drained(bench, "orders") == ["one", "two"]
    assert drained(bench, "jobs.fifo") == ["a"]
    assert drained(bench, "other") == []


def test_more_messages_than_one_batch_holds(bench: Bench) -> None:
    texts = [f"message {number:02}" for number in range(23)]
    bench.apply(f"sqs: {{orders: {{messages: {json.dumps(texts)}}}}}")
    assert drained(bench, "orders") == texts


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
def test_a_kill_while_messages_are_sent_leaves_no_duplicate(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    texts = [f"message {number:02}" for number in range(15)]
    bench.write(f"sqs: {{orders: {{messages: {json.dumps(texts)}}}}}")
    left = calls

    def dies(self: Target, service: str, operation: str, **parameters: Any) -> Any:  # AWS's own
        nonlocal left
        if service == "sqs" and not operation.startswith(("Get", "List")):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return real(self, service, operation, **parameters)

    with monkeypatch.context() as dying:
        real = Target.call
        dying.setattr(Target, "call", dies)
        if calls < 4:
            with pytest.raises(KeyboardInterrupt):
                bench.apply()
        else:
            bench.apply()
    bench.apply()
    assert drained(bench, "orders") == texts


EVERY_TOPIC_ATTRIBUTE = """
sqs: {dead: {}, plain: {}, in.fifo: {}}
sns:
  events.fifo:
    tags: {team: sales}
    policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: "*", Action: "sns:Publish", Resource: "*"}]
    aws:
      Attributes:
        DisplayName: Events
        KmsMasterKeyId: alias/aws/sns
        ContentBasedDeduplication: "true"
        SignatureVersion: "2"
        TracingConfig: Active
    subscriptions: [{queue: in.fifo, rawDelivery: true}]
  news:
    aws:
      Attributes:
        DeliveryPolicy: >-
          {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 2, "numRetries": 3}}}
    subscriptions:
      - queue: plain
        rawDelivery: true
        filterPolicy: {kind: [order, {prefix: re}]}
        filterPolicyScope: MessageBody
        deadLetterQueue: dead
      - http: http://127.0.0.1:9/hook
"""


def test_every_attribute_of_a_topic(bench: Bench) -> None:
    bench.apply(EVERY_TOPIC_ATTRIBUTE)
    shown = bench.client("sns").get_topic_attributes(TopicArn=topic_arn(bench, "events.fifo"))["Attributes"]
    assert shown["FifoTopic"] == "true"
    assert shown["DisplayName"] == "Events"
    assert shown["KmsMasterKeyId"] == "alias/aws/sns"
    assert shown["ContentBasedDeduplication"] == "true"
    assert json.loads(shown["Policy"])["Statement"][0]["Action"] == "sns:Publish"
    if bench.driver is Driver.MINISTACK:
        assert (shown["SignatureVersion"], shown["TracingConfig"]) == ("2", "Active")
    tags = bench.client("sns").list_tags_for_resource(ResourceArn=topic_arn(bench, "events.fifo"))["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "sales", OWNER[0]: OWNER[1]}
    news = bench.client("sns").get_topic_attributes(TopicArn=topic_arn(bench, "news"))["Attributes"]
    assert json.loads(news["DeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    bench.settled()


def test_a_subscription_with_all_its_settings(bench: Bench) -> None:
    bench.apply(EVERY_TOPIC_ATTRIBUTE)
    shown = subscriptions(bench, "news")
    plain = attributes(bench, "plain")["QueueArn"]
    assert set(shown) == {plain, "http://127.0.0.1:9/hook"}
    assert shown[plain]["RawMessageDelivery"] == "true"
    assert shown[plain]["FilterPolicyScope"] == "MessageBody"
    assert json.loads(shown[plain]["FilterPolicy"]) == {"kind": ["order", {"prefix": "re"}]}
    assert json.loads(shown[plain]["RedrivePolicy"]) == {"deadLetterTargetArn": attributes(bench, "dead")["QueueArn"]}
    statement = json.loads(attributes(bench, "plain")["Policy"])["Statement"]
    assert [entry["Condition"]["ArnEquals"]["aws:SourceArn"] for entry in statement] == [topic_arn(bench, "news")]


def test_only_what_the_filter_lets_through_arrives(bench: Bench) -> None:
    bench.apply(
        """
        sqs: {orders: {}, all: {}}
        sns:
          news:
            subscriptions: [{queue: orders, rawDelivery: true, filterPolicy: {kind: [order]}}, {queue: all}]
        """
    )
    for kind in ("order", "other"):
        bench.client("sns").publish(
            TopicArn=topic_arn(bench, "news"),
            Message=kind,
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )
    assert drained(bench, "orders") == ["order"]
    assert sorted(json.loads(body)["Message"] for body in drained(bench, "all")) == ["order", "other"]


def test_a_declared_queue_policy_is_left_alone(bench: Bench) -> None:
    bench.apply(
        """
        sqs: {orders: {policy: {Version: "2012-10-17", Statement: [{Sid: mine, Effect: Deny, Principal: "*",
                                                                    Action: "sqs:*", Resource: "*"}]}}}
        sns: {news: {subscriptions: [{queue: orders}]}}
        """
    )
    assert [entry["Sid"] for entry in json.loads(attributes(bench, "orders")["Policy"])["Statement"]] == ["mine"]
    bench.settled()


def test_drift_of_a_topic_is_told_by_field_and_repaired(bench: Bench) -> None:
    bench.apply(EVERY_TOPIC_ATTRIBUTE)
    sns = bench.client("sns")
    news = topic_arn(bench, "news")
    plain = subscriptions(bench, "news")[attributes(bench, "plain")["QueueArn"]]["SubscriptionArn"]
    sns.set_subscription_attributes(SubscriptionArn=plain, AttributeName="RawMessageDelivery", AttributeValue="false")
    events = topic_arn(bench, "events.fifo")
    sns.set_topic_attributes(TopicArn=events, AttributeName="DisplayName", AttributeValue="Other")
    gone = next(iter(subscriptions(bench, "events.fifo").values()))["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=gone)
    sns.subscribe(TopicArn=news, Protocol="sqs", Endpoint=attributes(bench, "dead")["QueueArn"])
    differing = bench.differing()
    assert differing["sns/news: subscriptions/queue/plain.rawDelivery"] == "drifted"
    assert differing["sns/news: subscriptions/queue/dead"] == "extra"
    assert differing["sns/events.fifo: attributes.DisplayName"] == "drifted"
    assert differing["sns/events.fifo: subscriptions/queue/in.fifo"] == "drifted"
    bench.refresh()
    assert set(subscriptions(bench, "news")) == {attributes(bench, "plain")["QueueArn"], "http://127.0.0.1:9/hook"}
    assert set(subscriptions(bench, "events.fifo")) == {attributes(bench, "in.fifo")["QueueArn"]}
    bench.settled()


def test_a_subscription_no_longer_declared_waits_for_prune(bench: Bench) -> None:
    bench.apply("sqs: {a: {}, b: {}}\nsns: {news: {subscriptions: [{queue: a}, {queue: b}]}}")
    bench.apply("sqs: {a: {}, b: {}}\nsns: {news: {subscriptions: [{queue: a}]}}")
    assert bench.differing()["sns/news: subscriptions/queue/b"] == "orphaned"
    bench.prune()
    assert set(subscriptions(bench, "news")) == {attributes(bench, "a")["QueueArn"]}
    assert not attributes(bench, "b").get("Policy")
    bench.settled()


def test_a_changed_filter_is_changed_in_place(bench: Bench) -> None:
    bench.apply("sqs: {a: {}}\nsns: {news: {subscriptions: [{queue: a, filterPolicy: {kind: [x]}}]}}")
    before = subscriptions(bench, "news")
    bench.apply("sqs: {a: {}}\nsns: {news: {subscriptions: [{queue: a}]}}")
    after = subscriptions(bench, "news")
    assert [subscription["SubscriptionArn"] for subscription in after.values()] == [
        subscription["SubscriptionArn"] for subscription in before.values()
    ]
    assert [subscription.get("FilterPolicy", "{}") for subscription in after.values()] == ["{}"]
    bench.settled()


def test_export_makes_the_same_again(bench: Bench) -> None:
    for text in (EVERY_QUEUE_ATTRIBUTE, EVERY_TOPIC_ATTRIBUTE):
        bench.empty()
        bench.apply(text)
        first = exported(bench)
        bench.empty()
        bench.write("")
        (bench.fixtures / "fixtures.yaml").write_text(
            json.dumps({"apiVersion": "bootstrap.dev/v1", "kind": "Seeds", **first})
        )
        bench.apply()
        assert exported(bench) == first
        bench.settled()


def exported(bench: Bench) -> dict[str, dict[str, object]]:
    target = Target(bench.endpoint, bench.owner, bench.cancel)
    bodies: dict[str, dict[str, object]] = {}
    for service in (Sqs(), Sns()):
        looks = [Look(name=name, all=True) for name in service.names(target)]
        seen = service.observe(target, looks)
        bodies[service.name] = {name: service.export(target, observed).body for name, observed in sorted(seen.items())}
    target.close()
    return bodies


def test_what_a_deleted_topic_left_is_no_subscription_of_the_next_one(bench: Bench) -> None:
    fixtures = "sqs: {orders: {}}\nsns: {news: {subscriptions: [{queue: orders}]}}"
    bench.apply(fixtures)
    sns = bench.client("sns")
    topic = topic_arn(bench, "news")
    sns.delete_topic(TopicArn=topic)
    sns.create_topic(Name="news", Tags=[{"Key": "bootstrap.dev/owner", "Value": bench.owner}])
    assert "subscriptions/queue/orders" in " ".join(bench.differing())
    bench.apply(fixtures)
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    bench.settled()
