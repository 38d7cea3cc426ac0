"""What S3 refuses of a bucket's settings, and emulators accept.

PutBucketCors, PutBucketLifecycleConfiguration, PutBucketWebsite, PutBucketPolicy and CreateBucket in the S3 API
reference and user guide.
"""

import re
from collections.abc import Iterator, Mapping

from bootstrap.seeds.model import Value
from bootstrap.seeds.services.policies import policy_text
from bootstrap.yamltext.positions import ValuePath

Wrong = tuple[ValuePath, str]

_CORS_RULES = 100
_LIFECYCLE_RULES = 1000
_RULE_ID = 255
_POLICY_BYTES = 20 * 1024
_REGION = re.compile(r"([a-z]+-)+\d+")
_ACTIONS = ("expireDays", "expireNoncurrentDays", "abortUploadDays")
_OWNER_ONLY = frozenset({"private", "bucket-owner-full-control"})
_GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def setting_problems(body: Mapping[str, Value]) -> Iterator[Wrong]:
    """Everything wrong with a bucket's settings."""
    region = body.get("region", "")
    if region and "${" not in region and not _REGION.fullmatch(region):
        yield ("region",), f"{region!r} is not a region (such as eu-west-1)"
    yield from _cors(body.get("cors", ()))
    yield from _lifecycle(body.get("lifecycle", ()))
    index = body.get("website", {}).get("index", "")
    if "/" in index and "${" not in index:
        yield ("website", "index"), "must not contain / (it is looked for in every folder)"
    if len(policy_text(body.get("policy", "")).encode()) > _POLICY_BYTES:
        yield ("policy",), f"has more than {_POLICY_BYTES} bytes"
    yield from _access(body.get("aws", {}))


def _cors(rules: Value) -> Iterator[Wrong]:
    if len(rules) > _CORS_RULES:
        yield ("cors",), f"has {len(rules)} rules, and AWS allows {_CORS_RULES}"
    for number, rule in enumerate(rules):
        for kind in ("origins", "headers"):
            for place, text in enumerate(rule.get(kind, ())):
                if text.count("*") > 1:
                    yield ("cors", number, kind, place), "may contain one * at most"


def _lifecycle(rules: Value) -> Iterator[Wrong]:
    if len(rules) > _LIFECYCLE_RULES:
        yield ("lifecycle",), f"has {len(rules)} rules, and AWS allows {_LIFECYCLE_RULES}"
    seen: dict[str, int] = {}
    for number, rule in enumerate(rules):
        name = rule.get("id", f"rule-{number}")
        first = seen.setdefault(name, number)
        if first != number:
            yield ("lifecycle", number, "id"), f"{name} is given twice (first in lifecycle[{first}])"
        if len(name) > _RULE_ID:
            yield ("lifecycle", number, "id"), f"has at most {_RULE_ID} characters, not {len(name)}"
        if not any(action in rule for action in _ACTIONS):
            yield ("lifecycle", number), f"does nothing (one of {', '.join(_ACTIONS)} is missing)"


def _access(aws: Mapping[str, Value]) -> Iterator[Wrong]:
    """Controlling ownership of objects: BucketOwnerEnforced switches access control lists off."""
    rules = (aws.get("OwnershipControls") or {}).get("Rules") or [{}]
    enforced = "BucketOwnerEnforced" in {aws.get("ObjectOwnership"), rules[0].get("ObjectOwnership")}
    given = [name for name in _GRANTS if name in aws]
    if aws.get("ACL", "private") not in _OWNER_ONLY:
        given.append("ACL")
    if enforced and given:
        yield ("aws", given[-1]), "cannot be given together with BucketOwnerEnforced, which switches ACLs off"
