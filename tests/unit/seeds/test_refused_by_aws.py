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
        "sns.t.subscriptions[0].filterPolicy: has 6 keys, and AWS allows 5",
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
        "s3.abc.objects.k.tags: has 11 tags, and AWS allows 10 for an object",
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
    "General: tags, allowed characters": (
        "sqs: {q: {tags: {'a&b': x}}}",
        "a tag's key may not contain '&' (letters, digits, spaces and +-=._:/@)",
    ),
    "General: tags, allowed characters of values": (
        "s3: {abc: {tags: {a: '<x>'}}}",
        "a tag's value may not contain '<'",
    ),
    "SQS: SetQueueAttributes, FifoThroughputLimit": (
        "sqs: {q.fifo: {aws: {Attributes: {FifoThroughputLimit: perMessageGroupId}}}}",
        "perMessageGroupId needs DeduplicationScope: messageGroup",
    ),
    "SQS: SetQueueAttributes, encryption": (
        "sqs: {q: {aws: {Attributes: {KmsMasterKeyId: a, SqsManagedSseEnabled: 'true'}}}}",
        "SqsManagedSseEnabled: cannot be given together with KmsMasterKeyId",
    ),
    "SQS: SetQueueAttributes, RedriveAllowPolicy": (
        """sqs: {q: {aws: {Attributes: {RedriveAllowPolicy: '{"redrivePermission":"all"}'}}}}""",
        "RedriveAllowPolicy: redrivePermission is one of: allowAll, denyAll, byQueue",
    ),
    "SQS: SetQueueAttributes, Policy": ("sqs: {q: {policy: 'not json'}}", "sqs.q.policy: is not JSON"),
    "SQS: message metadata, names": (
        "sqs: {q: {messages: [{body: a, attributes: {AWS.x: b}}]}}",
        'attributes["AWS.x"]: is not an attribute\'s name',
    ),
    "SQS: SendMessage, characters": (
        'sqs: {q: {messages: ["a\\u0001b"]}}',
        "a message may not contain the character '\\x01'",
    ),
    "SNS: dead-letter queues, kind": (
        "{sqs: {q: {}, d.fifo: {}}, sns: {t: {subscriptions: [{queue: q, deadLetterQueue: d.fifo}]}}}",
        "the dead-letter queue of a FIFO queue's subscription is FIFO",
    ),
    "DynamoDB: CreateTable, ProvisionedThroughput": (
        "dynamodb: {tab: {keys: {partition: id}, billing: PAY_PER_REQUEST, capacity: {read: 1, write: 1}}}",
        "dynamodb.tab.capacity: is for billing: PROVISIONED",
    ),
    "DynamoDB: CreateTable, throughput of an index": (
        "dynamodb: {tab: {keys: {partition: id},"
        " globalIndexes: {byX: {keys: {partition: x}, capacity: {read: 1, write: 1}}}}}",
        "dynamodb.tab.globalIndexes.byX.capacity: is for billing: PROVISIONED",
    ),
    "DynamoDB: CreateTable, AttributeDefinitions": (
        "dynamodb: {tab: {aws: {KeySchema: [{AttributeName: id, KeyType: HASH}], AttributeDefinitions:"
        " [{AttributeName: id, AttributeType: S}, {AttributeName: x, AttributeType: S}]}}}",
        "AttributeDefinitions: x is neither a key of the table nor of an index",
    ),
    "DynamoDB: CreateTable, empty lists of indexes": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {}}}",
        "dynamodb.tab.globalIndexes: must not be empty",
    ),
    "DynamoDB: CreateTable, NonKeyAttributes": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {byX: {keys: {partition: x}, projection: []}}}}",
        "globalIndexes.byX.projection: must hold at least 1 (NonKeyAttributeNameList)",
    ),
    "DynamoDB: CreateTable, IndexName": (
        "dynamodb: {tab: {keys: {partition: id}, globalIndexes: {a b c: {keys: {partition: x}}}}}",
        "must match [a-zA-Z0-9_.-]+ (IndexName)",
    ),
    "DynamoDB: quotas, items": (
        "dynamodb: {tab: {keys: {partition: id}, items: [{id: a, x: " + "x" * 409601 + "}]}}",
        "dynamodb.tab.items[0]: has 409605 bytes, and AWS allows 409600",
    ),
    "DynamoDB: quotas, partition keys": (
        "dynamodb: {tab: {keys: {partition: id}, items: [{id: " + "x" * 2049 + "}]}}",
        "the key attribute id has 2049 bytes, and AWS allows 2048",
    ),
    "DynamoDB: quotas, sort keys": (
        "dynamodb: {tab: {keys: {partition: id, sort: s}, items: [{id: a, s: " + "x" * 1025 + "}]}}",
        "the key attribute s has 1025 bytes, and AWS allows 1024",
    ),
    "DynamoDB: quotas, depth": (
        "dynamodb: {tab: {keys: {partition: id}, items: [{id: a, x: " + "[" * 33 + "1" + "]" * 33 + "}]}}",
        "x: is nested more than 32 levels deep",
    ),
    "DynamoDB: quotas, numbers": (
        "dynamodb: {tab: {keys: {partition: id}, items: [{id: a, x: 1.0e+126}]}}",
        "is out of DynamoDB's range (1E-130 to 9.99E+125)",
    ),
    "Lambda: CreateEventSourceMapping, visibility timeout": (
        f"{{sqs: {{q: {{}}}}, lambda: {{f: {{{FUNCTION}, timeout: 60, events: [{{queue: q}}]}}}}}}",
        "sqs/q has a VisibilityTimeout of 30, less than the function's timeout of 60",
    ),
    "Lambda: CreateEventSourceMapping, streams": (
        f"{{dynamodb: {{tab: {{keys: {{partition: id}}}}}}, lambda: {{f: {{{FUNCTION}, events: [{{stream: tab}}]}}}}}}",
        "lambda.f.events[0].stream: dynamodb/tab has no stream",
    ),
    "Lambda: CreateEventSourceMapping, by source": (
        f"{{sqs: {{q: {{}}}}, lambda: {{f: {{{FUNCTION},"
        " events: [{queue: q, aws: {ParallelizationFactor: 2}}]}}}",
        "ParallelizationFactor: is not for a queue (AWS: Kinesis and DynamoDB Streams only)",
    ),
    "Lambda: CreateEventSourceMapping, queues only": (
        "{dynamodb: {tab: {keys: {partition: id}, stream: NEW_IMAGE}}, lambda: {f: {"
        + FUNCTION
        + ", events: [{stream: tab, aws: {ScalingConfig: {MaximumConcurrency: 2}}}]}}}",
        "ScalingConfig: is not for a stream (AWS: Amazon SQS only)",
    ),
    "Lambda: event filtering, empty lists": (
        f"{{sqs: {{q: {{}}}}, lambda: {{f: {{{FUNCTION}, events: [{{queue: q, filters: [{{body: {{a: []}}}}]}}]}}}}}}",
        "events[0].filters[0].body.a: must not be an empty list",
    ),
    "Lambda: PutFunctionEventInvokeConfig": (
        f"lambda: {{f: {{{FUNCTION}, aws: {{MaximumRetryAttempts: 3}}}}}}",
        "MaximumRetryAttempts: must be at most 2, not 3 (MaximumRetryAttempts)",
    ),
    "Lambda: CreateFunction, Role": (
        f"lambda: {{f: {{{FUNCTION}, role: admin}}}}",
        "lambda.f.role: must match arn:",
    ),
    "Lambda: CreateAlias, Name": (
        f"lambda: {{f: {{{FUNCTION}, aliases: ['12']}}}}",
        "lambda.f.aliases[0]: must match",
    ),
    "Lambda: AddPermission, StatementId": (
        f"lambda: {{f: {{{FUNCTION}, permissions: {{a b: {{Action: 'lambda:*', Principal: s3.amazonaws.com}}}}}}}}",
        "must match ([a-zA-Z0-9-_]+) (StatementId)",
    ),
    "Lambda: CreateFunctionUrlConfig, Cors": (
        f"lambda: {{f: {{{FUNCTION}, functionUrl: {{cors: {{MaxAge: 100000}}}}}}}}",
        "functionUrl.cors.MaxAge: must be at most 86400, not 100000 (MaxAge)",
    ),
    "Secrets Manager: CreateSecret, Description": (
        "secretsmanager: {s: {string: a, description: " + "x" * 2049 + "}}",
        "secretsmanager.s.description: must have a length of at most 2048, not 2049 (DescriptionType)",
    ),
    "S3: CORS, origins": (
        "s3: {abc: {cors: [{origins: ['*.a.*'], methods: [GET]}]}}",
        "s3.abc.cors[0].origins[0]: may contain one * at most",
    ),
    "S3: CORS, rules": (
        "s3: {abc: {cors: [" + ", ".join(["{origins: ['*'], methods: [GET]}"] * 101) + "]}}",
        "s3.abc.cors: has 101 rules, and AWS allows 100",
    ),
    "S3: lifecycle, ids": (
        "s3: {abc: {lifecycle: [{id: a, prefix: x/, expireDays: 1}, {id: a, prefix: y/, expireDays: 1}]}}",
        "s3.abc.lifecycle[1].id: a is given twice (first in lifecycle[0])",
    ),
    "S3: lifecycle, actions": ("s3: {abc: {lifecycle: [{id: a, prefix: x/}]}}", "s3.abc.lifecycle[0]: does nothing"),
    "S3: CreateBucket, LocationConstraint": ("s3: {abc: {region: nowhere}}", "'nowhere' is not a region"),
    "S3: controlling ownership of objects": (
        "s3: {abc: {aws: {ACL: public-read, ObjectOwnership: BucketOwnerEnforced}}}",
        "s3.abc.aws.ACL: cannot be given together with BucketOwnerEnforced",
    ),
    "S3: bucket policies, size": (
        "s3: {abc: {policy: {Version: '2012-10-17', Statement: [{Sid: " + "a" * 20481 + "}]}}}",
        "s3.abc.policy: has more than 20480 bytes",
    ),
    "S3: PutBucketWebsite, index": ("s3: {abc: {website: {index: a/b}}}", "s3.abc.website.index: must not contain /"),
    "ours: reserved names": (
        "sqs: {bootstrap-marker: {}}",
        "this name is reserved for bootstrap",
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
