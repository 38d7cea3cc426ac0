"""Finds the secrets in what a report shows, and masks them.

A report leaves this machine: more is masked in it than on the screen, even where an error's words may suffer.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.console.mask import MASK, SECRETS, Masker
from bootstrap.model.kube import Manifest

_NAMED = re.compile(
    r"(?i)(?:passw(?:or)?d|passphrase|pwd|(?:^|[_.-])pass|secret|token|credential|dsn|connection[-_.]?string"
    r"|(?:api|access|private|secret|encryption|signing|auth|master|account)[-_.]?key)s?(?:[-_.]?(?:\d+|value|b64|base64))?$"
)
"""Names of fields, variables and annotations whose values are secrets."""
_NAMES_A_SECRET = re.compile(r"(?i)(?:^|existing|pull|tls|registry)[-_]?secrets?$")
"""Fields that mostly hold the name of a Secret: such a value looks like a name."""
_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_WRAPS = frozenset({"value", "S", "string"})
"""Fields whose value belongs to the name around them: `{name: TOKEN, value: …}`, `password: {S: …}`."""
_OPTION = re.compile(r"--?[\w-]+")
_PUBLIC = re.compile(r"(?i)^(?:ca\.crt|tls\.crt|namespace|user(?:name)?|host(?:name)?|port|database|dbname|region)$")
"""Keys of a Secret whose values are public, and too common as words to mask them everywhere."""
_LONG, _SHORT = 8, 6
_LINE = 24
"""Least length of a line that is masked by itself: shorter ones of a file are words that any text may hold."""
_ASSIGNED = re.compile(
    r"(?i)((?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|private|secret|auth)[-_.]?key|credentials?|dsn)"
    r"(?:\\?[\"'])?(?:\s*=\s*|\s*:\s*(?=\\?[\"'])|\s*:\s*(?=\S*\d))(?:\\?[\"'])?)(?![$<*…])([^\s\"',;&}\]\\]{4,})"
)
"""`password=…`, `"password": "…"`, and `password: …` with a digit: words that follow a colon are mostly an error's."""
_RANDOM = re.compile(r"(?<![\w+])(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)\w{24,}={0,2}(?![\w+])")
"""Mixed letters and digits without a break: a key or a token, and no name or digest of Kubernetes."""


class ReportMasker:
    """Masks what is registered, what this process knows as secret, and what looks like a secret."""

    def __init__(self, *, process: Masker = SECRETS) -> None:
        self._process = process
        self._known = Masker()

    def register(self, values: Iterable[str]) -> None:
        """Mask these values, and parts of structured ones, wherever they are; short and common ones are left out."""
        self._known.register(*(part for value in values for part in _tellable(value)))

    def mask(self, text: str) -> str:
        """The text without secrets."""
        masked = self._process.mask(self._known.mask_registered(text))
        masked = _ASSIGNED.sub(rf"\1{MASK}", masked)
        return _RANDOM.sub(MASK, masked)

    def mask_object(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A copy of a Kubernetes object, of values or of an event, without secrets."""
        return _walk(value, lambda secret: MASK if secret else secret, self.mask)


def secrets_of_objects(objects: Iterable[Manifest]) -> Iterator[str]:
    """The values of Secrets, and those under the name of a secret in any object: values, variables, annotations."""
    for manifest in objects:
        yield from secrets_in(manifest)


def secrets_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Every text in it that stands where a secret stands."""
    found: list[str] = []

    def collect(secret: str) -> str:
        found.append(secret)
        return MASK

    _walk(value, collect, lambda text: text)
    if isinstance(value, Mapping) and value.get("kind") == "Secret":
        found.extend(_secret_values(value))
    yield from found


def secrets_of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables with the name of a secret, which the programs of a job may print; no paths."""
    for name, value in environment.items():
        if _NAMED.search(name) and not Path(value).is_absolute():
            yield value


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return _NAMED.search(name) is not None


def _walk(value: Any, secret: Any, text: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON, and two functions of text
    """A copy; `secret` makes the text that stands for a secret, `text` that for any other."""
    if isinstance(value, str):
        return secret(value) if value and _is_secret(name, value) else text(value)
    if isinstance(value, Mapping):
        return _walk_mapping(value, secret, text, name)
    if isinstance(value, Sequence):
        before = ["", *(item if isinstance(item, str) else "" for item in value)]
        # After an option of that name: `["--password", "…"]`.
        names = [option if _OPTION.fullmatch(option) else name for option in before]
        return [_walk(item, secret, text, given) for item, given in zip(value, names, strict=False)]
    return value


def _walk_mapping(value: Mapping[str, Any], secret: Any, text: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - as `_walk`
    data = ("data", "stringData") if value.get("kind") == "Secret" else ()
    variable = str(value.get("name") or value.get("key") or name) if "value" in value else name
    copy: dict[str, Any] = {}
    for key, part in value.items():
        if key == "managedFields":
            continue
        if key in data and isinstance(part, Mapping):
            copy[key] = dict.fromkeys(part, MASK)
        elif key == "kubectl.kubernetes.io/last-applied-configuration":
            copy[key] = MASK
        else:
            copy[key] = _walk(part, secret, text, variable if key in _WRAPS and variable else str(key))
    return copy


def _is_secret(name: str, value: str) -> bool:
    if not _NAMED.search(name):
        return False
    return not (_NAMES_A_SECRET.search(name) and _OBJECT_NAME.fullmatch(value))


def _secret_values(secret: Manifest) -> Iterator[str]:
    if str(secret.get("type", "")).startswith("helm.sh/release"):
        return
    for field in ("data", "stringData"):
        entries = secret.get(field)
        for key, value in entries.items() if isinstance(entries, Mapping) else ():
            plain = _decoded(value) if field == "data" else value
            if isinstance(plain, str) and not _PUBLIC.search(str(key)):
                yield plain


def _decoded(value: object) -> str | None:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except ValueError:
        return None


def _tellable(value: str) -> Iterator[str]:
    """The value if it is not a common word, and the secrets inside it if it is a file."""
    stripped = value.strip()
    if stripped.startswith(("{", "[")):
        yield from _in_json(stripped)
    if "\n" in stripped:
        for line in stripped.splitlines():
            name, _, assigned = line.strip().partition("=" if "=" in line else ":")
            if _NAMED.search(name.strip()):
                yield from _tellable(assigned.strip().strip("\"'"))
            elif len(line.strip()) >= _LINE and " " not in line.strip():
                yield line.strip()
    elif len(stripped) >= _LONG or (len(stripped) >= _SHORT and not stripped.isalpha()):
        yield stripped


def _in_json(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return
    for secret in secrets_in(document):
        yield from _tellable(secret)
