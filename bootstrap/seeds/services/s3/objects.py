"""The objects of a bucket: where declared ones come from, how they are compared, written and removed."""

import base64
import binascii
import hashlib
import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bootstrap.seeds.model import FieldPath, Fixture, Value
from bootstrap.seeds.schema import TAGS, Anything, Aws, Either, MapOf, Record, Schema, Text
from bootstrap.seeds.target import Answer, Target
from bootstrap.yamltext.positions import ValuePath

PREFIX = "objects/"
_BATCH = 1000

_ABOUT: Mapping[str, Schema] = {
    "contentType": Text(),
    "metadata": MapOf(Text(empty=True)),
    "tags": TAGS,
    "aws": Aws(
        service="s3",
        operations=("PutObject",),
        instead={
            "Bucket": "it is the fixture's key",
            "Key": "it is the object's key",
            "Body": "write text, json, base64 or file",
            "ContentType": "write contentType",
            "Metadata": "write metadata",
            "Tagging": "write tags",
        },
    ),
}
_SOURCES: Mapping[str, Schema] = {
    "text": Text(empty=True),
    "json": Anything(),
    "base64": Text(empty=True),
    "file": Text(),
}
OBJECTS = MapOf(Either((Text(empty=True), Record(keys={**_SOURCES, **_ABOUT}, one_of=tuple(_SOURCES), needs_one=True))))
TREES = MapOf(Either((Text(), Record(keys={"folder": Text(), **_ABOUT}, required=("folder",)))))

HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "StorageClass",
    "WebsiteRedirectLocation",
)
"""Parameters of PutObject that HeadObject gives back under the same name."""
ABOUT_AWS = (
    *HEADERS,
    "ACL",
    "Expires",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
    "BucketKeyEnabled",
)
"""Parameters of PutObject that may be declared."""
_SAID = frozenset({"contentType", "metadata", "tags", *ABOUT_AWS})
"""What fields say of an object behind its key and a `#`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredObject:
    """One object and what it must be."""

    key: str
    content: bytes | Path
    md5: str
    content_type: str
    about: Mapping[str, Value] = field(default_factory=dict)
    """What the user said of it beside its content."""

    def fields(self) -> dict[FieldPath, Value]:
        """`objects/KEY` is the content's MD5; what else is declared follows after `#`."""
        path = PREFIX + self.key
        values: dict[FieldPath, Value] = {path: self.md5}
        if "contentType" in self.about:
            values[f"{path}#contentType"] = self.about["contentType"]
        if self.about.get("metadata"):
            values[f"{path}#metadata"] = {key.lower(): value for key, value in self.about["metadata"].items()}
        if self.about.get("tags"):
            values[f"{path}#tags"] = dict(self.about["tags"])
        values |= {f"{path}#{name}": value for name, value in self.about.get("aws", {}).items()}
        return values

    def verbatim(self) -> Iterator[FieldPath]:
        """Fields in AWS's own words."""
        return (f"{PREFIX}{self.key}#{name}" for name in self.about.get("aws", {}))

    def unreadable(self) -> Iterator[FieldPath]:
        """Fields that no answer holds."""
        return (f"{PREFIX}{self.key}#{name}" for name in self.about.get("aws", {}) if name not in HEADERS)

    def put(self, target: Target, bucket: str) -> None:
        """Write it, streaming a file."""
        with ExitStack() as files:
            body = files.enter_context(self.content.open("rb")) if isinstance(self.content, Path) else self.content
            tags = {"Tagging": urlencode(self.about["tags"])} if self.about.get("tags") else {}
            target.call(
                "s3",
                "PutObject",
                Bucket=bucket,
                Key=self.key,
                Body=body,
                ContentType=self.content_type,
                Metadata=dict(self.about.get("metadata", {})),
                **tags,
                **self.about.get("aws", {}),
            )


def declared_objects(fixture: Fixture, body: Mapping[str, Value]) -> dict[str, DeclaredObject]:
    """Objects of trees, and over them those that are named one by one."""
    objects: dict[str, DeclaredObject] = {}
    for prefix, given in body.get("trees", {}).items():
        about = {"folder": given} if isinstance(given, str) else given
        for key, file in tree_files(fixture.file(about["folder"]), prefix):
            objects[key] = _made(key, file, about)
    for key, given in body.get("objects", {}).items():
        about = {"text": given} if isinstance(given, str) else given
        objects[key] = _made(key, _content(fixture, about), about)
    return objects


def tree_files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Every file below the folder with its key, in the order of keys."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield prefix + file.relative_to(folder).as_posix(), file


def object_problems(fixture: Fixture) -> Iterator[tuple[ValuePath, str]]:
    """Files and folders that are not there, base64 that is none."""
    for prefix, given in fixture.body.get("trees", {}).items():
        name = given if isinstance(given, str) else given["folder"]
        path = ("trees", prefix) if isinstance(given, str) else ("trees", prefix, "folder")
        if not fixture.file(name).is_dir():
            yield path, f"there is no folder {name}"
    for key, given in fixture.body.get("objects", {}).items():
        if key.rpartition("#")[2] in _SAID and "#" in key:
            yield ("objects", key), f"a key that ends in #{key.rpartition('#')[2]} cannot be declared"
        if isinstance(given, dict) and "file" in given and not fixture.file(given["file"]).is_file():
            yield ("objects", key, "file"), f"there is no file {given['file']}"
        if isinstance(given, dict) and "base64" in given and not _is_base64(given["base64"]):
            yield ("objects", key, "base64"), "is not base64"


def listed(target: Target, bucket: str) -> dict[str, str]:
    """MD5 (ETag) of every object by key."""
    return {
        content["Key"]: str(content["ETag"]).strip('"')
        for page in target.pages("s3", "ListObjectsV2", Bucket=bucket)
        for content in page.get("Contents", ())
    }


def described(target: Target, bucket: str, key: str, *, tags: bool) -> dict[FieldPath, Value]:
    """The fields of an object beside its content."""
    head = target.call("s3", "HeadObject", Bucket=bucket, Key=key)
    path = PREFIX + key
    values: dict[FieldPath, Value] = {
        f"{path}#contentType": head.get("ContentType"),
        f"{path}#metadata": head.get("Metadata") or None,
        **{f"{path}#{name}": head[name] for name in HEADERS if name in head},
    }
    if tags:
        tag_set = target.call("s3", "GetObjectTagging", Bucket=bucket, Key=key)["TagSet"]
        values[f"{path}#tags"] = {tag["Key"]: tag.get("Value", "") for tag in tag_set} or None
    return values


def keys_to_describe(body: Mapping[str, Value], applied: frozenset[FieldPath], there: Iterable[str]) -> dict[str, bool]:
    """Objects of which more than the content matters; whether their tags do."""
    tagged: dict[str, bool] = {}
    for path in applied:
        key, mark, what = path.removeprefix(PREFIX).rpartition("#")
        if path.startswith(PREFIX) and mark:
            tagged[key] = tagged.get(key, False) or what == "tags"
    trees = [(key, tree) for key, tree in body.get("trees", {}).items() if isinstance(tree, dict)]
    in_trees = [(key, tree) for prefix, tree in trees for key in there if key.startswith(prefix)]
    for key, given in (*in_trees, *body.get("objects", {}).items()):
        if isinstance(given, dict) and set(_ABOUT) & set(given):
            tagged[key] = tagged.get(key, False) or "tags" in given
    return tagged


def delete_objects(target: Target, bucket: str, keys: Sequence[str]) -> None:
    """Delete by key, in bulk."""
    batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
    target.each(lambda batch: _delete_batch(target, bucket, [{"Key": key} for key in batch]), batches)


def empty_bucket(target: Target, bucket: str) -> None:
    """Delete every version of everything."""
    for page in target.pages("s3", "ListObjectVersions", Bucket=bucket):
        gone = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        _delete_batch(target, bucket, [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in gone])
    delete_objects(target, bucket, list(listed(target, bucket)))


def _delete_batch(target: Target, bucket: str, objects: Sequence[Answer]) -> None:
    if objects:
        target.call("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": list(objects), "Quiet": True})


def _made(key: str, content: bytes | Path, about: Mapping[str, Value]) -> DeclaredObject:
    guessed = "application/json" if "json" in about else mimetypes.guess_type(key)[0] or "application/octet-stream"
    return DeclaredObject(
        key=key, content=content, md5=_md5(content), content_type=about.get("contentType", guessed), about=about
    )


def _content(fixture: Fixture, about: Mapping[str, Value]) -> bytes | Path:
    if "file" in about:
        return fixture.file(about["file"])
    if "base64" in about:
        return base64.b64decode("".join(about["base64"].split()))
    if "json" in about:
        return json.dumps(about["json"], ensure_ascii=False, indent=2).encode() + b"\n"
    return str(about["text"]).encode()


def _md5(content: bytes | Path) -> str:
    """S3's own fingerprint of content, its ETag."""
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
