"""The settings of a bucket: our words, AWS's parameter, and the calls that put, get and delete it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bootstrap.seeds.model import FieldPath, Value
from bootstrap.seeds.schema import POLICY, Either, Flag, ListOf, Record, Schema, Text, Whole
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.services.s3.notifications import of_bucket, put_of_bucket
from bootstrap.seeds.target import Target

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One setting."""

    field: FieldPath
    """Our key, or `aws.MEMBER` where we have none."""
    member: str
    """The parameter of the call that puts it."""
    put: str
    get: str
    delete: str | None = None
    wrapped: bool = False
    """Whether the answer holds the value under `member`, too."""
    absent: str = ""
    """The code that says there is none."""
    off: Value = None
    """What to put if there is no call that deletes."""
    keys: tuple[str, ...] = ()
    """Of the answer, if it holds more than the value."""
    extra: Mapping[str, Value] | None = None

    def read(self, target: Target, bucket: str) -> Value:
        """The value in AWS's form; None for none."""
        answer = target.find("s3", self.get, self.absent, Bucket=bucket)
        if answer is None:
            return None
        answer.pop("ResponseMetadata", None)
        if self.member == "NotificationConfiguration":
            answer = of_bucket(answer)
        value = answer.get(self.member) if self.wrapped else answer
        if self.keys and isinstance(value, dict):
            value = {key: value[key] for key in self.keys if key in value}
        return policy_value(value) if self.member == "Policy" else _plain(value) or None

    def write(self, target: Target, bucket: str, value: Value) -> None:
        """Put it; None deletes it."""
        if self.member == "NotificationConfiguration":
            put_of_bucket(target, bucket, value or {})
            return
        if value is None and self.delete:
            target.call("s3", self.delete, Bucket=bucket)
            return
        sent = self.off if value is None else policy_text(value) if self.member == "Policy" else value
        target.call("s3", self.put, Bucket=bucket, **{self.member: sent}, **(self.extra or {}))


PARTS: tuple[Part, ...] = (
    Part(
        field="versioning",
        member="VersioningConfiguration",
        put="PutBucketVersioning",
        get="GetBucketVersioning",
        off={"Status": "Suspended"},
    ),
    Part(
        field="cors",
        member="CORSConfiguration",
        put="PutBucketCors",
        get="GetBucketCors",
        delete="DeleteBucketCors",
        absent="NoSuchCORSConfiguration",
    ),
    Part(
        field="lifecycle",
        member="LifecycleConfiguration",
        put="PutBucketLifecycleConfiguration",
        get="GetBucketLifecycleConfiguration",
        delete="DeleteBucketLifecycle",
        absent="NoSuchLifecycleConfiguration",
        keys=("Rules",),
    ),
    Part(
        field="policy",
        member="Policy",
        put="PutBucketPolicy",
        get="GetBucketPolicy",
        delete="DeleteBucketPolicy",
        wrapped=True,
        absent="NoSuchBucketPolicy",
    ),
    Part(
        field="encryption",
        member="ServerSideEncryptionConfiguration",
        put="PutBucketEncryption",
        get="GetBucketEncryption",
        delete="DeleteBucketEncryption",
        wrapped=True,
        absent="ServerSideEncryptionConfigurationNotFoundError",
    ),
    Part(
        field="website",
        member="WebsiteConfiguration",
        put="PutBucketWebsite",
        get="GetBucketWebsite",
        delete="DeleteBucketWebsite",
        absent="NoSuchWebsiteConfiguration",
    ),
    Part(
        field="publicAccessBlock",
        member="PublicAccessBlockConfiguration",
        put="PutPublicAccessBlock",
        get="GetPublicAccessBlock",
        delete="DeletePublicAccessBlock",
        wrapped=True,
        absent="NoSuchPublicAccessBlockConfiguration",
    ),
    Part(
        field="notifications",
        member="NotificationConfiguration",
        put="PutBucketNotificationConfiguration",
        get="GetBucketNotificationConfiguration",
        off={},
    ),
    Part(
        field="aws.OwnershipControls",
        member="OwnershipControls",
        put="PutBucketOwnershipControls",
        get="GetBucketOwnershipControls",
        delete="DeleteBucketOwnershipControls",
        wrapped=True,
        absent="OwnershipControlsNotFoundError",
    ),
    Part(
        field="aws.BucketLoggingStatus",
        member="BucketLoggingStatus",
        put="PutBucketLogging",
        get="GetBucketLogging",
        off={},
    ),
    Part(
        field="aws.AccelerateConfiguration",
        member="AccelerateConfiguration",
        put="PutBucketAccelerateConfiguration",
        get="GetBucketAccelerateConfiguration",
        off={"Status": "Suspended"},
    ),
    Part(
        field="aws.RequestPaymentConfiguration",
        member="RequestPaymentConfiguration",
        put="PutBucketRequestPayment",
        get="GetBucketRequestPayment",
        off={"Payer": "BucketOwner"},
    ),
    Part(
        field="aws.ReplicationConfiguration",
        member="ReplicationConfiguration",
        put="PutBucketReplication",
        get="GetBucketReplication",
        delete="DeleteBucketReplication",
        wrapped=True,
        absent="ReplicationConfigurationNotFoundError",
    ),
    Part(
        field="aws.ObjectLockConfiguration",
        member="ObjectLockConfiguration",
        put="PutObjectLockConfiguration",
        get="GetObjectLockConfiguration",
        wrapped=True,
        absent="ObjectLockConfigurationNotFoundError",
        off={},
    ),
)
UNREADABLE = frozenset({"aws.RequestPaymentConfiguration"})
"""Emulators accept it and never return it."""

PART_KEYS: Mapping[str, Schema] = {
    "versioning": Flag(),
    "cors": ListOf(
        Record(
            keys={
                "origins": ListOf(Text()),
                "methods": ListOf(Text(choices=("GET", "PUT", "POST", "DELETE", "HEAD"))),
                "headers": ListOf(Text()),
                "expose": ListOf(Text()),
                "maxAge": Whole(),
            },
            required=("origins", "methods"),
        )
    ),
    "lifecycle": ListOf(
        Record(
            keys={
                "id": Text(),
                "prefix": Text(empty=True),
                "expireDays": Whole(least=1),
                "expireNoncurrentDays": Whole(least=1),
                "abortUploadDays": Whole(least=1),
                "enabled": Flag(),
            }
        )
    ),
    "policy": POLICY,
    "encryption": Either((Text(choices=("AES256", "aws:kms")), Record(keys={"kmsKey": Text()}, required=("kmsKey",)))),
    "website": Record(keys={"index": Text(), "error": Text()}, required=("index",)),
    "publicAccessBlock": Either(
        (Flag(), Record(keys={name[0].lower() + name[1:]: Flag() for name in _BLOCKS})),
    ),
}


def part_fields(body: Mapping[str, Value]) -> Iterator[tuple[FieldPath, Value]]:
    """The settings that a body declares, in AWS's form."""
    for key, convert in _CONVERTERS.items():
        if key in body:
            yield key, convert(body[key])
    by_member = {part.member: part.field for part in PARTS}
    for member, value in body.get("aws", {}).items():
        if member in by_member:
            yield by_member[member], policy_value(value) if member == "Policy" else value


def _versioning(given: Value) -> Value:
    return {"Status": "Enabled" if given else "Suspended"}


def _cors(given: Value) -> Value:
    names = {
        "origins": "AllowedOrigins",
        "methods": "AllowedMethods",
        "headers": "AllowedHeaders",
        "expose": "ExposeHeaders",
        "maxAge": "MaxAgeSeconds",
    }
    return {"CORSRules": [{names[key]: value for key, value in rule.items()} for rule in given]}


def _lifecycle(given: Value) -> Value:
    return {"Rules": [_lifecycle_rule(rule, number) for number, rule in enumerate(given)]}


def _lifecycle_rule(rule: Mapping[str, Value], number: int) -> Value:
    values: dict[str, Value] = {
        "ID": rule.get("id", f"rule-{number}"),
        "Status": "Enabled" if rule.get("enabled", True) else "Disabled",
        "Filter": {"Prefix": rule.get("prefix", "")},
    }
    if "expireDays" in rule:
        values["Expiration"] = {"Days": rule["expireDays"]}
    if "expireNoncurrentDays" in rule:
        values["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["expireNoncurrentDays"]}
    if "abortUploadDays" in rule:
        values["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule["abortUploadDays"]}
    return values


def _encryption(given: Value) -> Value:
    if isinstance(given, str):
        default = {"SSEAlgorithm": given}
    else:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": given["kmsKey"]}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


def _website(given: Value) -> Value:
    error = {"ErrorDocument": {"Key": given["error"]}} if "error" in given else {}
    return {"IndexDocument": {"Suffix": given["index"]}, **error}


def _public_access(given: Value) -> Value:
    if isinstance(given, bool):
        return dict.fromkeys(_BLOCKS, given)
    return {name: given.get(name[0].lower() + name[1:], False) for name in _BLOCKS}


_CONVERTERS: Mapping[str, Callable[[Value], Value]] = {
    "versioning": _versioning,
    "cors": _cors,
    "lifecycle": _lifecycle,
    "policy": policy_value,
    "encryption": _encryption,
    "website": _website,
    "publicAccessBlock": _public_access,
}


def _plain(value: Value) -> Value:
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case datetime():
            return value.isoformat()
        case _:
            return value
