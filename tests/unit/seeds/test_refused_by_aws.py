"""What AWS refuses and emulators take is refused when fixtures are read, with its place.

Each row names the page of AWS's documentation that gives the rule.
"""

import textwrap
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.seeds.load import load
from bootstrap.seeds.services.registry import all_services

HEAD = "apiVersion: bootstrap.dev/v1\nkind: Seeds\n"
FUNCTION = "source: fn.py, runtime: python3.12, handler: fn.handler"

REFUSED = {
    "SNS: subscription filter policies, empty arrays": (
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy: {a: []}}]}}",
        "sns.t.subscriptions[0].filterPolicy.a: must not be an empty list (AWS: empty arrays are not allowed)",
    ),
    "SNS: subscription filter policies, nesting is for payloads": (
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy: {a: {b: [c]}}}]}}",
        "sns.t.subscriptions[0].filterPolicy.a: is nested, which is for filterPolicyScope: MessageBody only",
    ),
    "SNS: subscription filter policies, operators": (
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy: {a: [{prefx: x}]}}]}}",
        "sns.t.subscriptions[0].filterPolicy.a[0].prefx: is not an operator (did you mean prefix?)",
    ),
    "SNS: subscription filter policies, numeric matching": (
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy: {a: [{numeric: ['>', x]}]}}]}}",
        "sns.t.subscriptions[0].filterPolicy.a[0].numeric: compares with a number, not with 'x'",
    ),
    "SNS: subscription filter policies, five keys": (
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy:"
        " {a: [1], b: [1], c: [1], d: [1], e: [1], f: [1]}}]}}",
        "sns.t.subscriptions[0].filterPolicy: has 6 keys, and AWS takes 5",
    ),
    "SNS: message delivery for FIFO topics": (
        "{sqs: {q.fifo: {}}, sns: {t: {subscriptions: [{queue: q.fifo}]}}}",
        "sns.t.subscriptions[0].queue: a FIFO queue can subscribe to a FIFO topic only",
    ),
    "S3: filtering event notifications, overlapping": (
        "{sqs: {a: {}, b: {}}, s3: {img: {notifications: [{queue: a, prefix: in/}, {queue: b, prefix: in/x}]}}}",
        "s3.img.notifications[1]: overlaps with the notification in",
    ),
    "S3: filtering event notifications, overlapping with a function's": (
        "{sqs: {a: {}}, s3: {img: {notifications: [{queue: a}]}},"
        f" lambda: {{f: {{{FUNCTION}, events: [{{bucket: img}}]}}}}}}",
        "lambda.f.events[0]: overlaps with the notification in",
    ),
    "S3: event notification types": (
        "{sqs: {a: {}}, s3: {img: {notifications: [{queue: a, events: ['s3:ObjectCreated:Putt']}]}}}",
        "events[0]: 's3:ObjectCreated:Putt' is not an event (did you mean s3:ObjectCreated:Put?)",
    ),
    "S3: event destinations, FIFO queues": (
        "{sqs: {a.fifo: {}}, s3: {img: {notifications: [{queue: a.fifo}]}}}",
        "s3.img.notifications[0].queue: S3 sends no notifications to a FIFO queue",
    ),
    "S3: bucket naming rules, prefixes": ("s3: {xn--a: {}}", "s3.xn--a: a bucket's name may not begin with xn--"),
    "S3: bucket naming rules, suffixes": (
        "s3: {abc-s3alias: {}}",
        "s3.abc-s3alias: a bucket's name may not end with -s3alias",
    ),
    "S3: bucket naming rules, addresses": (
        "s3: {192.168.5.4: {}}",
        "a bucket's name may not be an IP address",
    ),
    "S3: object tags": (
        "s3: {abc: {objects: {k: {text: x, tags: {" + ", ".join(f"{letter}: x" for letter in "abcdefghijk") + "}}}}}",
        "s3.abc.objects.k.tags: has 11 tags, and AWS takes 10 for an object",
    ),
    "General: tags, reserved prefix": (
        "sqs: {q: {tags: {'aws:x': a}}}",
        "begins with aws:, which is reserved by AWS",
    ),
    "SQS: timers of single messages": (
        "sqs: {q.fifo: {messages: [{body: a, group: g, delay: 3}]}}",
        "messages[0].delay: is not for messages of a FIFO queue",
    ),
    "SQS: message quotas, attributes": (
        "sqs: {q: {messages: [{body: a, attributes: {a: b, c: ''}}]}}",
        "sqs.q.messages[0].attributes.c: must not be empty",
    ),
    "SQS: high throughput for FIFO queues": (
        "sqs: {q.fifo: {aws: {Attributes: {FifoThroughputLimit: perMessage}}}}",
        "'perMessage' is not allowed (one of: perQueue, perMessageGroupId)",
    ),
    "DynamoDB: index key types in items": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {byN: {keys: {partition: {name: n, type: N}}}},"
        " items: [{id: a, n: x}]}}",
        "dynamodb.tab.items[0]: the attribute n, a key of index byN, must be of type N, not S",
    ),
    "DynamoDB: empty index keys in items": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {byE: {keys: {partition: e}}},"
        " items: [{id: a, e: ''}]}}",
        "dynamodb.tab.items[0]: the attribute e, a key of index byE, must not be empty (leave it out)",
    ),
    "DynamoDB: attribute definitions": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {byN: {keys: {partition: {name: id, type: N}}}}}}",
        "id is of type N here and of type S in keys.partition",
    ),
    "DynamoDB: local secondary indexes": (
        "dynamodb: {tab: {keys: {partition: id}, localIndexes: {byS: {sort: s}}}}",
        "dynamodb.tab: the local index byS needs a table with a sort key",
    ),
    "Lambda: CreateEventSourceMapping, BatchSize": (
        f"{{sqs: {{q: {{}}}}, lambda: {{f: {{{FUNCTION}, events: [{{queue: q, batchSize: 11}}]}}}}}}",
        "lambda.f.events[0].batchSize: of more than 10 needs a batchingWindow of at least 1 second",
    ),
    "Lambda: CreateEventSourceMapping, FIFO": (
        f"{{sqs: {{q.fifo: {{}}}}, lambda: {{f: {{{FUNCTION}, events: [{{queue: q.fifo, batchingWindow: 1}}]}}}}}}",
        "lambda.f.events[0].batchingWindow: is not for FIFO queues",
    ),
    "Lambda: environment variables": (
        f"lambda: {{f: {{{FUNCTION}, environment: {{1A: x}}}}}}",
        "lambda.f.environment.1A: is not a variable's name (a letter, then letters, digits and _)",
    ),
    "Secrets Manager: quotas": (
        f"secretsmanager: {{s: {{string: {'x' * 65537}}}}}",
        "secretsmanager.s: a secret's value has at most 65536 bytes, not 65537",
    ),
    "ours: reserved names": (
        "sqs: {bootstrap-marker: {}}",
        "this name is reserved for our own notes",
    ),
}


def problems(folder: Path, text: str) -> list[str]:
    (folder / "fn.py").write_text("def handler(event, context):\n    return event\n")
    file = folder / "all.yaml"
    body = textwrap.dedent(text)
    flow = body.startswith("{")
    file.write_text("{apiVersion: bootstrap.dev/v1, kind: Seeds, " + body[1:] if flow else HEAD + body)
    try:
        load([file], all_services(), {})
    except InvalidError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("rule", REFUSED)
def test_what_aws_refuses_is_refused_with_its_place(tmp_path: Path, rule: str) -> None:
    text, expected = REFUSED[rule]
    (problem,) = problems(tmp_path, text)
    assert expected in problem
    assert problem.startswith(f"{tmp_path / 'all.yaml'}:")


@pytest.mark.parametrize(
    "text",
    [
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicyScope: MessageBody, filterPolicy: {a: {b: [c]}}}]}}",
        "sns: {t: {subscriptions: [{http: 'http://h', filterPolicy:"
        " {a: [{numeric: ['>=', 1, '<', 2]}, null, {exists: false}]}}]}}",
        "{sqs: {a: {}, b: {}}, s3: {img: {notifications: [{queue: a, suffix: .jpg}, {queue: b, suffix: .png}]}}}",
        "{sqs: {a: {}, b: {}}, s3: {img: {notifications: [{queue: a}, {queue: b, events: [removed]}]}}}",
        f"{{s3: {{img: {{}}}}, lambda: {{f: {{{FUNCTION},"
        " events: [{bucket: img, prefix: a/}, {bucket: img, prefix: a/b}]}}}",
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {byN: {keys: {partition: n}}}, items: [{id: a}]}}",
        f"{{sqs: {{q: {{}}}}, lambda: {{f: {{{FUNCTION},"
        " events: [{queue: q, batchSize: 11, batchingWindow: 1}]}}}",
    ],
)
def test_what_aws_takes_is_taken(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []
