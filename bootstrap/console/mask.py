"""Keeps secrets off every sink: values that were registered, and what looks like one."""

import base64
import json
import re
import threading
from urllib.parse import quote

MASK = "***"
_LEAST = 4
"""Shorter values would take words apart that have nothing to do with them."""

_NAMES = (
    r"(?:password|passwd|secret[_-]?(?:access[_-]?)?key|client[_-]?secret|api[_-]?key|auth[_-]?token|access[_-]?token)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL),
        rf"-----BEGIN \1----- {MASK}",
    ),
    (re.compile(r"(\w://[^/\s:@]*:)[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (re.compile(rf"(?i)({_NAMES}[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)"), rf"\1{MASK}"),
    (re.compile(r"(?i)(--(?:password|token)[= ])\S+"), rf"\1{MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}\b"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)


class Masker:
    """Knows the secrets of this process; any thread may register and mask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, *values: str) -> None:
        """These never reach a sink again, neither as they are nor as JSON, base64 or part of an address."""
        with self._lock:
            self._values.update(form for value in values for form in _forms(value))
            # The longest first: a secret may begin with another.
            longest = sorted(self._values, key=lambda value: (-len(value), value))
            self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def mask(self, text: str) -> str:
        """The text with every secret replaced, and with what looks like one."""
        masked = self.mask_known(text)
        for looks_like, instead in _PATTERNS:
            masked = looks_like.sub(instead, masked)
        return masked

    def mask_known(self, text: str) -> str:
        """The text with every registered secret replaced."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)


def _forms(value: str) -> set[str]:
    """The spellings in which a value may be met, and its lines where it has several."""
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


SECRETS = Masker()
"""Of this process. Global on purpose: a traceback at the very end must be masked too."""
