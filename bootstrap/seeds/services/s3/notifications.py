"""A bucket's one notification document, which its own fixture and those of functions share.

The entries that functions' fixtures make carry an id of ours; the bucket's fixture owns all others.
"""

import threading
from collections.abc import Mapping, Sequence

from bootstrap.seeds.model import Value
from bootstrap.seeds.target import Target

ID = "bootstrap-"
"""How the ids of functions' entries begin."""

_FUNCTIONS = "LambdaFunctionConfigurations"
# The document is read, changed and written whole, and two functions may listen to one bucket.
_WRITING = threading.Lock()


def of_functions(target: Target, bucket: str) -> list[Mapping[str, Value]]:
    """The entries that functions' fixtures made."""
    return [entry for entry in _document(target, bucket).get(_FUNCTIONS, ()) if _is_ours(entry)]


def of_bucket(document: Mapping[str, Value]) -> dict[str, Value]:
    """The document without them."""
    kept = {name: value for name, value in document.items() if name != _FUNCTIONS}
    functions = [entry for entry in document.get(_FUNCTIONS, ()) if not _is_ours(entry)]
    return {**kept, **({_FUNCTIONS: functions} if functions else {})}


def put_of_bucket(target: Target, bucket: str, document: Mapping[str, Value]) -> None:
    """Replace what the bucket's fixture owns."""
    with _WRITING:
        _put(target, bucket, document, of_functions(target, bucket))


def put_of_function(target: Target, bucket: str, added: Sequence[Mapping[str, Value]], *, without: str) -> None:
    """Add entries of a function, and take the one with the id `without` away."""
    with _WRITING:
        kept = [entry for entry in of_functions(target, bucket) if entry.get("Id") != without]
        _put(target, bucket, of_bucket(_document(target, bucket)), [*kept, *added])


def _put(target: Target, bucket: str, document: Mapping[str, Value], functions: Sequence[Mapping[str, Value]]) -> None:
    entries = [*document.get(_FUNCTIONS, ()), *functions]
    configuration = {**document, **({_FUNCTIONS: entries} if entries else {})}
    target.find(
        "s3",
        "PutBucketNotificationConfiguration",
        *([] if configuration else ["NoSuchBucket"]),
        Bucket=bucket,
        NotificationConfiguration=configuration,
        SkipDestinationValidation=True,
    )


def _document(target: Target, bucket: str) -> dict[str, Value]:
    answer = target.find("s3", "GetBucketNotificationConfiguration", "NoSuchBucket", Bucket=bucket) or {}
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _is_ours(entry: Mapping[str, Value]) -> bool:
    return str(entry.get("Id", "")).startswith(ID)
