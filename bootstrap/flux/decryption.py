"""Decrypts objects that SOPS encrypted, through the program `sops`."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.flux.findings import Subject
from bootstrap.model.kube import Manifest
from bootstrap.yamltext.kubernetes import YamlError, load

Decrypt = Callable[[bytes, str], bytes]
"""The plain form of an encrypted document of a format (`json`, `yaml`, `dotenv`, `ini`, `binary`):
`sops decrypt --ignore-mac --input-type FORMAT --output-type FORMAT`. kustomize may have added a label or a namespace
since, so that the document's own checksum no longer holds. Raises BootstrapError when there is no key."""

UNKNOWN = "encrypted"
"""Placeholder of a value that cannot be decrypted; valid as a part of a host name."""
_MARKS = ("sops:", '"sops"')
_BASE64_MARK = "data:"
_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv", ".ini": "ini"}


def is_encrypted(text: str) -> bool:
    """Whether this object, or a file inside it, may be encrypted, by a quick check."""
    return any(mark in text for mark in _MARKS) or ("kind: Secret" in text and _BASE64_MARK in text)


def decrypted(manifest: dict[str, Any], subject: Subject, decrypt: Decrypt | None) -> Manifest:
    """The object in plain text; what cannot be decrypted is reported, once for all objects of one reason.

    Each of its values is then a placeholder: ciphertext reaches neither a variable nor a host name.
    """
    try:
        if "sops" in manifest:
            plain = json.loads(_run(decrypt, json.dumps(manifest).encode(), "json"))
            return {key: value for key, value in plain.items() if key != "sops"}
        if manifest.get("kind") == "Secret" and manifest.get("data"):
            return {**manifest, "data": _entries(manifest["data"], subject, decrypt)}
    except BootstrapError as error:
        subject.findings.undecrypted(str(subject.ref), subject.place("sops"), error.what)
        return _without_ciphertext(manifest)
    return manifest


def _without_ciphertext(manifest: Manifest) -> dict[str, Any]:
    plain = {key: _replaced(value) for key, value in manifest.items() if key != "sops"}
    if isinstance(manifest.get("data"), dict) and manifest.get("kind") == "Secret":
        word = base64.b64encode(UNKNOWN.encode()).decode()
        plain["data"] = dict.fromkeys(manifest["data"], word)
    return plain


def _replaced(value: Any) -> Any:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, dict):
        return {key: _replaced(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner) for inner in value]
    return UNKNOWN if isinstance(value, str) and value.startswith("ENC[") else value


def _entries(entries: dict[str, str], subject: Subject, decrypt: Decrypt | None) -> dict[str, str]:
    """The files that a secretGenerator put into a Secret, each in plain text."""
    if "sops_mac" in entries:
        subject.problem("is made of a dotenv file encrypted with SOPS, which is not supported: encrypt a Secret")
        return entries
    return {key: _entry(key, value, decrypt) for key, value in entries.items()}


def _entry(key: str, value: str, decrypt: Decrypt | None) -> str:
    try:
        content = base64.b64decode(value)
    except binascii.Error:
        return value
    if b"sops" not in content or not _is_document(content):
        return value
    suffix = key[key.rfind(".") :] if "." in key else ""
    plain = _run(decrypt, content, _FORMATS.get(suffix, "binary"))
    return base64.b64encode(plain).decode()


def _is_document(content: bytes) -> bool:
    try:
        document = load(content.decode())
    except (YamlError, UnicodeDecodeError):
        return False
    return isinstance(document, dict) and isinstance(document.get("sops"), dict)


def _run(decrypt: Decrypt | None, content: bytes, form: str) -> bytes:
    if decrypt is None:
        raise BootstrapError("the program sops is not installed; install it and give it the key")
    return decrypt(content, form)
