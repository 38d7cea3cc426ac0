"""Masks secrets in all output: registered values, and text that looks like a secret."""

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

MASK = "***"
_SHORTEST = 8
_SECRET_NAME = re.compile(r"(?i)pass|secret|token|key|cred|auth|dsn|private")
_LEAST = 4
"""Least length of a masked value in characters: shorter ones would mask parts of unrelated words."""

_NAMES = (
    r"(?:password|passwd|secret[_-]?(?:access[_-]?)?key|client[_-]?secret|api[_-]?key|auth[_-]?token|access[_-]?token)"
)
_RANDOM = r"(?=[\w+/=~-]*[0-9])(?=[\w+/=~-]*[A-Za-z])[\w+/=~-]{16,}"
"""Text that looks like a secret by its form. A name alone (`password: …`) is not enough: mostly an error follows it."""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
        rf"-----BEGIN \1----- {MASK}",
    ),
    (re.compile(r"(\w://[^/\s:@]*:)[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (re.compile(rf"(?i)({_NAMES}[\"']?\s*[:=]\s*[\"']?){_RANDOM}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(--(?:password|token)[= ])\S+"), rf"\1{MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}\b"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)


class Masker:
    """Knows the secrets of this process; any thread may register and mask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._everywhere = _Known()
        self._in_reports = _Known()

    def register(self, *values: str) -> None:
        """Mask these values in all output from now on, also as JSON, base64 or a part of an address."""
        with self._lock:
            self._everywhere.add(values)

    def register_for_reports(self, *values: str) -> None:
        """Mask these values in errors, logs and progress, but not in results such as manifests."""
        with self._lock:
            self._in_reports.add(values)

    def mask(self, text: str) -> str:
        """The text with every registered secret, and everything that looks like one, replaced."""
        masked = self._in_reports.replaced(self.mask_registered(text))
        for looks_like, instead in _PATTERNS:
            masked = looks_like.sub(instead, masked)
        return masked

    def mask_registered(self, text: str) -> str:
        """The text with every registered secret replaced."""
        return self._everywhere.replaced(text)


class _Known:
    """Values in all their spellings."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        new = {form for value in values for form in _forms(value)} - self._values
        if not new:
            return
        self._values |= new
        # The longest first: a secret may begin with another.
        longest = sorted(self._values, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest)))

    def replaced(self, text: str) -> str:
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)


def _forms(value: str) -> set[str]:
    """The spellings in which a value may occur, and its lines if it has several."""
    stripped = value.strip()
    forms = {
        stripped,
        json.dumps(stripped)[1:-1],
        json.dumps(stripped, ensure_ascii=False)[1:-1],
        quote(stripped, safe=""),
        base64.b64encode(value.encode("utf-8", "surrogateescape")).decode(),
        *(line.strip() for line in stripped.splitlines()),
    }
    return {form for form in forms if len(form) >= _LEAST}


def secret_values(manifests: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The values of Secrets that have to stay secret: those under the name of a password, a key or a token.

    What is shorter than eight characters, or a text of several lines, is made of words that any error may hold.
    """
    for manifest in manifests:
        if manifest.get("kind") != "Secret":
            continue
        for field in ("data", "stringData"):
            entries = manifest.get(field)
            for name, value in entries.items() if isinstance(entries, Mapping) else ():
                plain = _decoded(value) if field == "data" else value
                if isinstance(plain, str) and _SECRET_NAME.search(str(name)) and _is_significant(plain.strip()):
                    yield plain


def _is_significant(value: str) -> bool:
    return len(value) >= _SHORTEST and "\n" not in value


def _decoded(value: object) -> str | None:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except ValueError:
        return None


SECRETS = Masker()
"""Of this process. Global on purpose: a traceback at the very end must be masked too."""
