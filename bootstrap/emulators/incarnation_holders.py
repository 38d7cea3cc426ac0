"""Where an emulator can keep the id of its contents: the requests that ask for it and give it, service by service."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.emulators.dummy_signature import signed
from bootstrap.emulators.http_exchange import Answer, Request
from bootstrap.model.labels import MARKER

PARAMETER = "/bootstrap/incarnation"

_OK = 200
_SECRET = f"{MARKER}/incarnation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """One service that can keep the id."""

    service: str
    """As health routes and signatures name it."""
    ask: Callable[[str, str], Request]
    """(region, account) → the request that reads it."""
    give: Callable[[str, str, str], tuple[Request, ...]]
    """(region, account, id) → the requests that keep it, unless there is one already."""
    forget: Callable[[str, str], Request]
    """(region, account) → the request that removes it."""
    read: Callable[[Answer], str]
    """The id in the answer to `ask`; empty: none."""


def _json(service: str, target: str, region: str, body: Mapping[str, Any], version: str = "1.1") -> Request:
    headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
    request = Request(method="POST", path="/", headers=headers, body=json.dumps(body).encode())
    return signed(request, aws_service=service, region=region)


def _parsed(answer: Answer) -> Mapping[str, Any]:
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) and answer.status == _OK else {}


def _of_parameters() -> Holder:
    def ssm(operation: str, region: str, body: Mapping[str, Any]) -> Request:
        return _json("ssm", f"AmazonSSM.{operation}", region, body)

    def give(region: str, _account: str, value: str) -> tuple[Request, ...]:
        parameter = {"Name": PARAMETER, "Value": value, "Type": "String", "Overwrite": False}
        return (ssm("PutParameter", region, parameter),)

    return Holder(
        service="ssm",
        ask=lambda region, _account: ssm("GetParameter", region, {"Name": PARAMETER}),
        give=give,
        forget=lambda region, _account: ssm("DeleteParameter", region, {"Name": PARAMETER}),
        read=lambda answer: str(_parsed(answer).get("Parameter", {}).get("Value", "")),
    )


def _of_buckets() -> Holder:
    def s3(method: str, path: str, region: str, body: str = "", **headers: str) -> Request:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method=method, path=path, headers=given, body=body.encode())
        return signed(request, aws_service="s3", region=region)

    def give(region: str, _account: str, value: str) -> tuple[Request, ...]:
        place = "" if region == "us-east-1" else f"<LocationConstraint>{region}</LocationConstraint>"
        configuration = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>" if place else ""
        return (
            s3("PUT", f"/{MARKER}", region, configuration),
            s3("PUT", f"/{MARKER}/incarnation", region, value, If_None_Match="*"),
        )

    return Holder(
        service="s3",
        ask=lambda region, _account: s3("GET", f"/{MARKER}/incarnation", region),
        give=give,
        forget=lambda region, _account: s3("DELETE", f"/{MARKER}/incarnation", region),
        read=lambda answer: answer.body.decode(errors="replace") if answer.status == _OK else "",
    )


def _of_secrets() -> Holder:
    def secrets(operation: str, region: str, body: Mapping[str, Any]) -> Request:
        return _json("secretsmanager", f"secretsmanager.{operation}", region, body)

    def give(region: str, _account: str, value: str) -> tuple[Request, ...]:
        # The token is what makes a second creation of the same id no error, and one of another id refused.
        body = {"Name": _SECRET, "SecretString": value, "ClientRequestToken": value}
        return (secrets("CreateSecret", region, body),)

    def forget(region: str, _account: str) -> Request:
        return secrets("DeleteSecret", region, {"SecretId": _SECRET, "ForceDeleteWithoutRecovery": True})

    return Holder(
        service="secretsmanager",
        ask=lambda region, _account: secrets("GetSecretValue", region, {"SecretId": _SECRET}),
        give=give,
        forget=forget,
        read=lambda answer: str(_parsed(answer).get("SecretString", "")),
    )


def _of_tables() -> Holder:
    key = {"name": {"S": "incarnation"}}

    def dynamodb(operation: str, region: str, body: Mapping[str, Any]) -> Request:
        return _json("dynamodb", f"DynamoDB_20120810.{operation}", region, {"TableName": MARKER, **body}, "1.0")

    def give(region: str, _account: str, value: str) -> tuple[Request, ...]:
        table = {
            "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        item = {"Item": {**key, "content": {"S": value}}, "ConditionExpression": "attribute_not_exists(content)"}
        return dynamodb("CreateTable", region, table), dynamodb("PutItem", region, item)

    return Holder(
        service="dynamodb",
        ask=lambda region, _account: dynamodb("GetItem", region, {"Key": key}),
        give=give,
        forget=lambda region, _account: dynamodb("DeleteItem", region, {"Key": key}),
        read=lambda answer: str(_parsed(answer).get("Item", {}).get("content", {}).get("S", "")),
    )


def _of_queues() -> Holder:
    def sqs(operation: str, region: str, body: Mapping[str, Any]) -> Request:
        return _json("sqs", f"AmazonSQS.{operation}", region, body, "1.0")

    def give(region: str, _account: str, value: str) -> tuple[Request, ...]:
        # A queue of this name with other tags stays as it is: the first id counts.
        return (sqs("CreateQueue", region, {"QueueName": MARKER, "tags": {"incarnation": value}}),)

    def url(account: str) -> dict[str, str]:
        return {"QueueUrl": f"http://queue/{account}/{MARKER}"}

    return Holder(
        service="sqs",
        ask=lambda region, account: sqs("ListQueueTags", region, url(account)),
        give=give,
        forget=lambda region, account: sqs("DeleteQueue", region, url(account)),
        read=lambda answer: str((_parsed(answer).get("Tags") or {}).get("incarnation", "")),
    )


HOLDERS: tuple[Holder, ...] = (_of_parameters(), _of_buckets(), _of_secrets(), _of_tables(), _of_queues())
"""In the order in which they are preferred."""
