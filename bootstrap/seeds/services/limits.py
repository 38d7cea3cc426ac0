"""Limits and reserved names that AWS documents and emulators do not hold to.

Each is named after the page of AWS's documentation that gives it.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Mapping

from bootstrap.model.labels import MESSAGES, OWNER
from bootstrap.seeds.aws_shapes import members
from bootstrap.seeds.model import Value
from bootstrap.yamltext.positions import ValuePath

Wrong = tuple[ValuePath, str]

_TAGS = 50
_TAG_KEY = 128
_TAG_VALUE = 256
_MARKS = "+-=._:/@"
_OBJECT_TAGS = 10
_OBJECT_KEY = 1024
_METADATA = 2048
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_MESSAGE = 1 << 20
_MESSAGE_ATTRIBUTES = 10
_IDENTIFIER = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"(?=.{1,256}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_UNSENDABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_SECRET_NAME = 512
_DISPLAY_NAME = 100
_GLOBAL_INDEXES = 20
_LOCAL_INDEXES = 5
_LAYERS = 5
_ENVIRONMENT = 4096
_VARIABLE = re.compile(r"[a-zA-Z]\w+", re.ASCII)


def tag_problems(tags: Mapping[str, Value], path: ValuePath = ("tags",)) -> Iterator[Wrong]:
    """Tag naming limits and requirements (AWS General Reference)."""
    # Ours are two more.
    if len(tags) > _TAGS - 2:
        yield path, f"has {len(tags)} tags, and AWS allows {_TAGS}, with those of bootstrap"
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            yield (*path, key), "begins with aws:, which is reserved by AWS"
        elif key in {OWNER, MESSAGES}:
            yield (*path, key), "is reserved for bootstrap"
        elif not 0 < len(key) <= _TAG_KEY:
            yield (*path, key), f"a tag's key has 1 to {_TAG_KEY} characters"
        if isinstance(value, str) and len(value) > _TAG_VALUE:
            yield (*path, key), f"a tag's value has at most {_TAG_VALUE} characters, not {len(value)}"
        yield from (((*path, key), text) for text in _strange_letters(key, value))


def _strange_letters(key: str, value: Value) -> Iterator[str]:
    for what, text in (("key", key), ("value", value)):
        if (strange := next(filter(_is_strange, _literal(text)), None)) is not None:
            yield f"a tag's {what} may not contain {strange!r} (letters, digits, spaces and {_MARKS})"


def _literal(text: Value) -> str:
    """What is known of a text before its variables and references are."""
    return re.sub(r"\$\{[^}]*\}", "", text) if isinstance(text, str) else ""


def _is_strange(letter: str) -> bool:
    return letter not in _MARKS and unicodedata.category(letter)[0] not in "LNZ"


def bucket_name_problem(name: str) -> str | None:
    """General purpose bucket naming rules (S3 user guide)."""
    if name.startswith(_BUCKET_PREFIXES):
        return f"a bucket's name may not begin with {next(filter(name.startswith, _BUCKET_PREFIXES))}"
    if name.endswith(_BUCKET_SUFFIXES):
        return (
            f"a bucket's name may not end with {next(suffix for suffix in _BUCKET_SUFFIXES if name.endswith(suffix))}"
        )
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return None
    return "a bucket's name may not be an IP address"


def object_problems(key: str, about: Value) -> Iterator[Wrong]:
    """Naming Amazon S3 objects, object tags, user-defined metadata (S3 user guide)."""
    if not 0 < len(key.encode()) <= _OBJECT_KEY:
        yield (), f"an object's key has 1 to {_OBJECT_KEY} bytes, not {len(key.encode())}"
    if not isinstance(about, dict):
        return
    tags = about.get("tags", {})
    if len(tags) > _OBJECT_TAGS:
        yield ("tags",), f"has {len(tags)} tags, and AWS allows {_OBJECT_TAGS} for an object"
    yield from tag_problems(tags)
    size = sum(len(name.encode()) + len(str(value).encode()) for name, value in about.get("metadata", {}).items())
    if size > _METADATA:
        yield ("metadata",), f"has {size} bytes, and AWS allows {_METADATA}"


def message_problems(message: Value, size: int, *, fifo: bool) -> Iterator[Wrong]:
    """Amazon SQS message quotas; delay of single messages of FIFO queues (SQS developer guide)."""
    if not 0 < size <= _MESSAGE:
        yield (), f"a message has 1 to {_MESSAGE} bytes with its attributes, not {size}"
    body = message if isinstance(message, str) else str(message.get("body", "")) if isinstance(message, dict) else ""
    if (strange := _UNSENDABLE.search(body)) is not None:
        yield (), f"a message may not contain the character {strange[0]!r}"
    if not isinstance(message, dict):
        return
    if fifo and "delay" in message:
        yield ("delay",), "is not for messages of a FIFO queue (set DelaySeconds of the queue)"
    if not fifo and "deduplication" in message:
        yield ("deduplication",), "is for FIFO queues only"
    yield from (
        ((key,), "has 1 to 128 letters, digits and punctuation marks")
        for key in ("group", "deduplication")
        if key in message and "${" not in message[key] and not _IDENTIFIER.fullmatch(message[key])
    )
    yield from _message_attribute_problems(message.get("attributes", {}))


def _message_attribute_problems(attributes: Mapping[str, Value]) -> Iterator[Wrong]:
    if len(attributes) > _MESSAGE_ATTRIBUTES:
        yield ("attributes",), f"has {len(attributes)} attributes, and AWS allows {_MESSAGE_ATTRIBUTES}"
    for name, text in attributes.items():
        if text == "":
            yield ("attributes", name), "must not be empty"
        if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
            what = "is not an attribute's name (letters, digits, _, - and single dots; not AWS. or Amazon. first)"
            yield ("attributes", name), what


def secret_name_problem(name: str) -> str | None:
    """CreateSecret, parameter Name (Secrets Manager API reference)."""
    if not 0 < len(name) <= _SECRET_NAME:
        return f"a secret's name has 1 to {_SECRET_NAME} characters, not {len(name)}"
    return None


def display_name_problem(name: str) -> str | None:
    """CreateTopic, attribute DisplayName (SNS API reference)."""
    return f"has at most {_DISPLAY_NAME} characters, not {len(name)}" if len(name) > _DISPLAY_NAME else None


def table_problems(definition: Mapping[str, Value]) -> Iterator[str]:
    """Secondary indexes: quotas, and what a local one needs (DynamoDB developer guide)."""
    keys = {key["KeyType"]: key["AttributeName"] for key in definition.get("KeySchema", ())}
    for kind, most in (("GlobalSecondaryIndexes", _GLOBAL_INDEXES), ("LocalSecondaryIndexes", _LOCAL_INDEXES)):
        count = len(definition.get(kind) or ())
        if count > most:
            yield f"has {count} {'global' if most == _GLOBAL_INDEXES else 'local'} indexes, and AWS allows {most}"
    if len(set(keys.values())) < len(keys):
        yield "partition and sort are the same attribute"
    for index in definition.get("LocalSecondaryIndexes") or ():
        if "RANGE" not in keys:
            yield f"the local index {index['IndexName']} needs a table with a sort key"
    names = [index["IndexName"] for index in definition.get("GlobalSecondaryIndexes") or ()]
    for index in definition.get("LocalSecondaryIndexes") or ():
        if index["IndexName"] in names:
            yield f"the local index {index['IndexName']} has the name of a global one"


def function_problems(body: Mapping[str, Value]) -> Iterator[Wrong]:
    """Lambda quotas; environment variables of CreateFunction (Lambda developer guide and API reference)."""
    if len(body.get("layers", ())) > _LAYERS:
        yield ("layers",), f"has {len(body['layers'])} layers, and AWS allows {_LAYERS}"
    environment = body.get("environment", {})
    for name in environment:
        if not _VARIABLE.fullmatch(name):
            yield ("environment", name), "is not a variable's name (a letter, then letters, digits and _)"
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size > _ENVIRONMENT:
        yield ("environment",), f"has {size} bytes, and AWS allows {_ENVIRONMENT}"


def mapping_problems(kind: str, given: Mapping[str, Value]) -> Iterator[Wrong]:
    """CreateEventSourceMapping, BatchSize and MaximumBatchingWindowInSeconds (Lambda API reference)."""
    fifo = str(given.get(kind, "")).endswith(".fifo")
    size, window = given.get("batchSize"), given.get("batchingWindow")
    yield from _source_problems(kind, given)
    if kind != "queue":
        return
    if fifo and window:
        yield ("batchingWindow",), "is not for FIFO queues"
    if isinstance(size, int) and size > _SMALL_BATCH:
        if fifo:
            yield ("batchSize",), f"is at most {_SMALL_BATCH} for a FIFO queue, not {size}"
        elif not window:
            yield ("batchSize",), f"of more than {_SMALL_BATCH} needs a batchingWindow of at least 1 second"


def _source_problems(kind: str, given: Mapping[str, Value]) -> Iterator[Wrong]:
    """Settings of other sources, by what AWS's model says of each; event filters (Lambda developer guide)."""
    here = {"queue": "SQS", "stream": "DynamoDB"}.get(kind, "")
    documented = members("lambda", "CreateEventSourceMapping")
    for name in given.get("aws", {}):
        only = _ONLY.match(re.sub(r"<[^>]+>", "", documented[name].documentation)) if name in documented else None
        of_streams = kind == "queue" and name in _OF_STREAMS
        if (only and here not in only["sources"]) or of_streams:
            yield ("aws", name), f"is not for a {kind} (AWS: {only['sources'] if only else 'streams'} only)"
    filters = given.get("filters", ())
    if len(filters) > _FILTERS:
        yield ("filters",), f"has {len(filters)} filters, and AWS allows {_FILTERS}"
    for number, pattern in enumerate(filters):
        for inside in _empty_lists(pattern, ()):
            yield ("filters", number, *inside), "must not be an empty list"


def _empty_lists(pattern: Value, path: ValuePath) -> Iterator[ValuePath]:
    if pattern == []:
        yield path
    elif isinstance(pattern, dict):
        for name, inner in pattern.items():
            yield from _empty_lists(inner, (*path, name))


_ONLY = re.compile(r"\((?P<sources>[^)]*) only\)")
_OF_STREAMS = frozenset(
    {"BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts"}
)
"""Which of a mapping's settings queues do not have (CreateEventSourceMapping, by event source)."""
_FILTERS = 10
"""With a raised quota; five without."""
_SMALL_BATCH = 10
