"""What each emulator tells again of what was put: the table behind the normalisers.

A row that begins to read back differently changes what `observe` may rely on; it is to be noticed here, not in a plan
that never comes to rest.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bootstrap.model.stack import Driver
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

BUCKET, TABLE, SECRET = "read-back", "read-back", "read-back"
POLICY = {"Version": "2012-10-17", "Statement": []}
Row = tuple[Callable[[Bench], object], Callable[[Bench], object], object]


def s3_row(put: str, get: str, member: str, value: Mapping[str, Any], *, wrapped: bool = False) -> Row:
    def read(bench: Bench) -> object:
        answer = getattr(bench.client("s3"), get)(Bucket=BUCKET)
        answer.pop("ResponseMetadata")
        return answer[member] if wrapped else {key: answer.get(key) for key in value}

    return lambda bench: getattr(bench.client("s3"), put)(Bucket=BUCKET, **{member: value}), read, value


def table_of(bench: Bench) -> dict[str, Any]:
    return dict(bench.client("dynamodb").describe_table(TableName=TABLE)["Table"])


def update_table(**parameters: object) -> Callable[[Bench], object]:
    return lambda bench: bench.client("dynamodb").update_table(TableName=TABLE, **parameters)


def item_row(attribute: Mapping[str, Any], expected: Mapping[str, Any]) -> Row:
    def put(bench: Bench) -> object:
        return bench.client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": "a"}, "x": attribute})

    return put, lambda bench: bench.client("dynamodb").scan(TableName=TABLE)["Items"][0]["x"], expected


def described_secret(bench: Bench) -> dict[str, Any]:
    (secret,) = bench.client("secretsmanager").list_secrets()["SecretList"]
    return dict(secret)


ROWS: dict[str, Row] = {
    "s3 versioning": s3_row(
        "put_bucket_versioning", "get_bucket_versioning", "VersioningConfiguration", {"Status": "Enabled"}
    ),
    "s3 cors": s3_row(
        "put_bucket_cors",
        "get_bucket_cors",
        "CORSConfiguration",
        {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 30}]},
    ),
    "s3 lifecycle": s3_row(
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "t/"}, "Expiration": {"Days": 3}}]},
    ),
    "s3 encryption": s3_row(
        "put_bucket_encryption",
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]},
        wrapped=True,
    ),
    "s3 website": s3_row(
        "put_bucket_website", "get_bucket_website", "WebsiteConfiguration", {"IndexDocument": {"Suffix": "i.html"}}
    ),
    "s3 public access": s3_row(
        "put_public_access_block",
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        },
        wrapped=True,
    ),
    "s3 ownership": s3_row(
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        wrapped=True,
    ),
    "s3 acceleration": s3_row(
        "put_bucket_accelerate_configuration",
        "get_bucket_accelerate_configuration",
        "AccelerateConfiguration",
        {"Status": "Enabled"},
    ),
    "s3 policy": (
        lambda bench: bench.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY)),
        lambda bench: json.loads(bench.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"]),
        POLICY,
    ),
    "s3 object md5": (
        lambda bench: bench.client("s3").put_object(Bucket=BUCKET, Key="ü b", Body=b"hi"),
        lambda bench: [
            (content["Key"], content["ETag"])
            for content in bench.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        ],
        [("ü b", '"49f68a5c8493ec2c0bf489821c21fc3b"')],
    ),
    "secretsmanager description": (
        lambda bench: bench.client("secretsmanager").update_secret(SecretId=SECRET, Description="new"),
        lambda bench: described_secret(bench)["Description"],
        "new",
    ),
    "secretsmanager tags in the listing": (
        lambda bench: bench.client("secretsmanager").tag_resource(
            SecretId=SECRET, Tags=[{"Key": "bootstrap.dev/owner", "Value": "x"}]
        ),
        lambda bench: described_secret(bench)["Tags"],
        [{"Key": "bootstrap.dev/owner", "Value": "x"}],
    ),
    "secretsmanager policy": (
        lambda bench: bench.client("secretsmanager").put_resource_policy(
            SecretId=SECRET, ResourcePolicy=json.dumps(POLICY)
        ),
        lambda bench: json.loads(bench.client("secretsmanager").get_resource_policy(SecretId=SECRET)["ResourcePolicy"]),
        POLICY,
    ),
    "secretsmanager values in bulk": (
        lambda bench: bench.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretBinary=b"\xff\x00"),
        lambda bench: [
            secret_value["SecretBinary"]
            for secret_value in bench.client("secretsmanager").batch_get_secret_value(SecretIdList=[SECRET])[
                "SecretValues"
            ]
        ],
        [b"\xff\x00"],
    ),
    "dynamodb stream": (
        update_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
        lambda bench: table_of(bench)["StreamSpecification"],
        {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    ),
    "dynamodb protection": (
        update_table(DeletionProtectionEnabled=True),
        lambda bench: table_of(bench)["DeletionProtectionEnabled"],
        True,
    ),
    "dynamodb billing": (
        update_table(
            BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}
        ),
        lambda bench: [
            table_of(bench)["ProvisionedThroughput"][key] for key in ("ReadCapacityUnits", "WriteCapacityUnits")
        ],
        [2, 3],
    ),
    "dynamodb ttl": (
        lambda bench: bench.client("dynamodb").update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "exp"}
        ),
        lambda bench: bench.client("dynamodb").describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"],
        {"TimeToLiveStatus": "ENABLED", "AttributeName": "exp"},
    ),
    "dynamodb item count": (
        lambda bench: bench.client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": "a"}}),
        lambda bench: table_of(bench)["ItemCount"],
        1,
    ),
    "dynamodb big number": item_row(
        {"N": "12345678901234567890.123456789012345678"}, {"N": "12345678901234567890.123456789012345678"}
    ),
    "dynamodb binary": item_row({"B": b"\x00\xff"}, {"B": b"\x00\xff"}),
    "dynamodb empty text": item_row({"S": ""}, {"S": ""}),
    "dynamodb null in list": item_row({"L": [{"NULL": True}]}, {"L": [{"NULL": True}]}),
}


REFUSED = frozenset({(Driver.LOCALSTACK, "secretsmanager values in bulk")})
"""What an emulator answers with an error of its own: it is read another way then."""


@pytest.mark.parametrize("row", ROWS)
def test_reads_back(bench: Bench, row: str) -> None:
    put, get, expected = ROWS[row]
    prefix = row.partition(" ")[0]
    if prefix == "s3":
        bench.client("s3").create_bucket(Bucket=BUCKET)
    elif prefix == "secretsmanager":
        bench.client("secretsmanager").create_secret(Name=SECRET, SecretString="x")
    else:
        bench.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    put(bench)
    if (bench.driver, row) in REFUSED:
        with pytest.raises(ClientError, match="InternalError"):
            get(bench)
        return
    assert get(bench) == expected


def test_who_pays_is_told_again_by_localstack_alone(bench: Bench) -> None:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_request_payment(Bucket=BUCKET, RequestPaymentConfiguration={"Payer": "Requester"})
    answer = s3.get_bucket_request_payment(Bucket=BUCKET)
    assert ("Payer" in answer) is (bench.driver is Driver.LOCALSTACK)


def test_moto_does_not_tell_a_table_class(bench: Bench) -> None:
    bench.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        TableClass="STANDARD_INFREQUENT_ACCESS",
    )
    assert ("TableClassSummary" in table_of(bench)) is (bench.driver is not Driver.MOTO)
