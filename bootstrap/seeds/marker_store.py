"""Where the marker of an owner is kept: in a service of the emulator that can hold it, or beside the stack.

Whatever service it is in, it goes when the emulator's data goes. Beside the stack its name holds the incarnation, which
is that of another start when the data is lost.
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from bootstrap.errors import RefusedError
from bootstrap.model.labels import MARKER
from bootstrap.seeds.model import digest
from bootstrap.seeds.target import Target
from bootstrap.system.files import write_whole


def is_reserved(name: str) -> bool:
    """Whether a resource of this name is one that the marker is kept in."""
    return name == MARKER or name.startswith((f"{MARKER}/", f"{MARKER}-"))


class MarkerStore(Protocol):
    """Contents by name."""

    def read(self, name: str) -> bytes | None:
        """What is kept; None for nothing."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Keep it; an empty content removes it."""
        ...


def marker_store(target: Target) -> MarkerStore:
    """The first place that the emulator has; if it has none, a folder beside the stack.

    Raises:
        RefusedError: there is neither.
    """
    for service, store in _STORES.items():
        # The name of a bucket is unique in all accounts: one of ours can only be in the usual one.
        if target.has(service) and not (service == "s3" and target.endpoint.access_key):
            return store(target)
    if target.beside is None:
        raise RefusedError(
            f"{target.endpoint.url} has no service that can keep the ownership record of bootstrap",
            fix=f"enable one of {', '.join(_STORES)}",
        )
    return _Files(target.beside / f"marker-{target.endpoint.incarnation}")


def forget_notes(target: Target) -> None:
    """Remove the notes that are parameters or files; all others are resources of the services that are emptied."""
    store = marker_store(target)
    if isinstance(store, _Files):
        store.forget()
    if target.has("ssm"):
        for page in target.pages("ssm", "GetParametersByPath", Path=f"/{MARKER}", Recursive=True):
            for parameter in page["Parameters"]:
                target.find("ssm", "DeleteParameter", "ParameterNotFound", Name=parameter["Name"])


class _Objects:
    """One object each, in a bucket of ours."""

    _ABSENT = ("NoSuchBucket", "NoSuchKey", "404")

    def __init__(self, target: Target) -> None:
        self._target = target

    def read(self, name: str) -> bytes | None:
        answer = self._target.find("s3", "GetObject", *self._ABSENT, Bucket=MARKER, Key=name)
        return None if answer is None else bytes(answer["Body"].read())

    def write(self, name: str, content: bytes) -> None:
        place = {"Bucket": MARKER, "Key": name}
        if not content:
            self._target.find("s3", "DeleteObject", *self._ABSENT, **place)
        elif self._target.find("s3", "PutObject", *self._ABSENT, **place, Body=content) is None:
            self._make_bucket()
            self._target.call("s3", "PutObject", **place, Body=content)

    def _make_bucket(self) -> None:
        region = self._target.region
        # us-east-1 may not be named as a location, all others must be.
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        existing_codes = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
        self._target.find("s3", "CreateBucket", *existing_codes, Bucket=MARKER, **place)


class _Cells(Protocol):
    """A service that holds short texts by name."""

    most: int
    """Characters of one text."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, text: str) -> None: ...

    def remove(self, name: str) -> None: ...


class _Packed:
    """Contents of any length in a service of short texts: compressed, in pieces, the first of which is written last.

    The first piece names the version of the others: a kill between two pieces leaves what was there before readable.
    """

    def __init__(self, cells: _Cells) -> None:
        self._cells = cells

    def read(self, name: str) -> bytes | None:
        head = self._cells.get(_cell(name))
        if not head:
            return None
        version, count, text = head.split(":", 2)
        rest = [self._cells.get(_cell(name, version, number)) or "" for number in range(1, int(count))]
        return zlib.decompress(base64.b64decode("".join((text, *rest))))

    def write(self, name: str, content: bytes) -> None:
        old = self._pieces(name)
        packed = base64.b64encode(zlib.compress(content, 9)).decode()
        version = digest(packed)[:8]
        size = self._cells.most - len(version) - 8
        pieces = [packed[start : start + size] for start in range(0, len(packed), size)] if content else []
        kept = [_cell(name, version, number) for number in range(1, len(pieces))]
        for cell, piece in zip(kept, pieces[1:], strict=True):
            self._cells.put(cell, piece)
        if pieces:
            self._cells.put(_cell(name), f"{version}:{len(pieces)}:{pieces[0]}")
        else:
            self._cells.remove(_cell(name))
        for cell in old:
            if cell not in kept:
                self._cells.remove(cell)

    def _pieces(self, name: str) -> list[str]:
        head = self._cells.get(_cell(name))
        if not head:
            return []
        version, count, _ = head.split(":", 2)
        return [_cell(name, version, number) for number in range(1, int(count))]


def _cell(name: str, version: str = "", number: int = 0) -> str:
    """A name that every service allows."""
    return digest(name) + (f"-{version}-{number}" if number else "")


class _Secrets:
    most = 60_000

    _ABSENT = ("ResourceNotFoundException", "InvalidRequestException")

    def __init__(self, target: Target) -> None:
        self._target = target

    def get(self, name: str) -> str | None:
        answer = self._target.find("secretsmanager", "GetSecretValue", *self._ABSENT, SecretId=_path(name))
        return None if answer is None else str(answer["SecretString"])

    def put(self, name: str, text: str) -> None:
        about = {"SecretId": _path(name), "SecretString": text}
        if self._target.find("secretsmanager", "UpdateSecret", *self._ABSENT, **about) is None:
            self._target.call("secretsmanager", "CreateSecret", Name=_path(name), SecretString=text)

    def remove(self, name: str) -> None:
        about = {"SecretId": _path(name), "ForceDeleteWithoutRecovery": True}
        self._target.find("secretsmanager", "DeleteSecret", *self._ABSENT, **about)


class _Items:
    most = 300_000

    _ABSENT = ("ResourceNotFoundException",)

    def __init__(self, target: Target) -> None:
        self._target = target

    def get(self, name: str) -> str | None:
        answer = self._target.find("dynamodb", "GetItem", *self._ABSENT, TableName=MARKER, Key=_key(name)) or {}
        return answer["Item"]["content"]["S"] if "Item" in answer else None

    def put(self, name: str, text: str) -> None:
        item = {"TableName": MARKER, "Item": {**_key(name), "content": {"S": text}}}
        if self._target.find("dynamodb", "PutItem", *self._ABSENT, **item) is None:
            self._make_table()
            self._target.call("dynamodb", "PutItem", **item)

    def remove(self, name: str) -> None:
        self._target.find("dynamodb", "DeleteItem", *self._ABSENT, TableName=MARKER, Key=_key(name))

    def _make_table(self) -> None:
        self._target.find(
            "dynamodb",
            "CreateTable",
            "ResourceInUseException",
            TableName=MARKER,
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )


class _Parameters:
    most = 4000

    _ABSENT = ("ParameterNotFound",)

    def __init__(self, target: Target) -> None:
        self._target = target

    def get(self, name: str) -> str | None:
        answer = self._target.find("ssm", "GetParameter", *self._ABSENT, Name=f"/{_path(name)}")
        return None if answer is None else str(answer["Parameter"]["Value"])

    def put(self, name: str, text: str) -> None:
        self._target.call("ssm", "PutParameter", Name=f"/{_path(name)}", Value=text, Type="String", Overwrite=True)

    def remove(self, name: str) -> None:
        self._target.find("ssm", "DeleteParameter", *self._ABSENT, Name=f"/{_path(name)}")


class _QueueTags:
    """The tags of an empty queue, one queue for each text: SQS keeps nothing else that stays."""

    _TAGS, _LENGTH = 40, 250
    most = _TAGS * _LENGTH

    _ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")

    def __init__(self, target: Target) -> None:
        self._target = target

    def get(self, name: str) -> str | None:
        answer = self._target.find("sqs", "ListQueueTags", *self._ABSENT, QueueUrl=self._url(name))
        tags: Mapping[str, str] = (answer or {}).get("Tags", {})
        if "pieces" not in tags:
            return None
        return "".join(tags[str(number)] for number in range(int(tags["pieces"])))

    def put(self, name: str, text: str) -> None:
        pieces = [text[start : start + self._LENGTH] for start in range(0, len(text), self._LENGTH)]
        tags = {"pieces": str(len(pieces)), **{str(number): piece for number, piece in enumerate(pieces)}}
        about = {"QueueUrl": self._url(name), "Tags": tags}
        if self._target.find("sqs", "TagQueue", *self._ABSENT, **about) is None:
            self._target.call("sqs", "CreateQueue", QueueName=f"{MARKER}-{name}", tags=tags)

    def remove(self, name: str) -> None:
        self._target.find("sqs", "DeleteQueue", *self._ABSENT, QueueUrl=self._url(name))

    def _url(self, name: str) -> str:
        return f"{self._target.endpoint.url}/{self._target.account}/{MARKER}-{name}"


class _Files:
    """Beside the stack; those of another start of the emulator are removed with the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        file = self._folder / digest(name)
        return file.read_bytes() if file.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        self._forget_others()
        file = self._folder / digest(name)
        if content:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
        else:
            file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove all of them."""
        for folder in self._folder.parent.glob("marker-*"):
            _remove_flat(folder)

    def _forget_others(self) -> None:
        for folder in self._folder.parent.glob("marker-*"):
            if folder != self._folder:
                _remove_flat(folder)


def _remove_flat(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()


def _path(name: str) -> str:
    return f"{MARKER}/{name}"


def _key(name: str) -> dict[str, Any]:
    return {"name": {"S": name}}


_STORES: Mapping[str, Callable[[Target], MarkerStore]] = {
    "s3": _Objects,
    "secretsmanager": lambda target: _Packed(_Secrets(target)),
    "dynamodb": lambda target: _Packed(_Items(target)),
    "ssm": lambda target: _Packed(_Parameters(target)),
    "sqs": lambda target: _Packed(_QueueTags(target)),
}
"""In the order in which they are preferred."""
