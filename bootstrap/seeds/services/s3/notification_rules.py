"""Which notifications of one bucket AWS refuses because they overlap.

"Configuring event notifications with object key name filtering" in the S3 user guide: two configurations for the same
event types may not have prefixes and suffixes that overlap; `s3:ObjectCreated:*` holds every `s3:ObjectCreated:…`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.seeds.model import Value

_SHORT = {"created": "s3:ObjectCreated:*", "removed": "s3:ObjectRemoved:*"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One notification, whoever receives it."""

    receiver: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def overlaps(self, other: "Rule") -> str | None:
        """The event that both are about for some object; None: no object is in both, or one receiver has both."""
        if self.receiver == other.receiver:
            return None
        if not (_begins_with_other(self.prefix, other.prefix) and _ends_with_other(self.suffix, other.suffix)):
            return None
        shared = (mine for mine in self.events for theirs in other.events if _same_event(mine, theirs))
        return next(shared, None)


def rule_of(receiver: str, given: Mapping[str, Value]) -> Rule:
    """The rule that an entry in the fixture's own words means."""
    events = tuple(_SHORT.get(event, event) for event in given.get("events", ("created",)))
    return Rule(receiver=receiver, events=events, prefix=given.get("prefix", ""), suffix=given.get("suffix", ""))


def aws_rule_of(entry: Mapping[str, Value]) -> Rule:
    """The rule that an entry of AWS's NotificationConfiguration means."""
    receiver = next((str(entry[name]) for name in entry if name.endswith("Arn")), "")
    filters = entry.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    named = {str(entry.get("Name", "")).lower(): str(entry.get("Value", "")) for entry in filters}
    return Rule(
        receiver=receiver,
        events=tuple(entry.get("Events", ())),
        prefix=named.get("prefix", ""),
        suffix=named.get("suffix", ""),
    )


def overlaps(rules: Sequence[Rule]) -> Iterator[tuple[int, int, str]]:
    """The rule, an earlier one that it overlaps with, and the event that both are about."""
    for number, rule in enumerate(rules):
        for earlier in range(number):
            event = rule.overlaps(rules[earlier])
            if event is not None:
                yield number, earlier, event
                break


def _begins_with_other(first: str, other: str) -> bool:
    return first.startswith(other) or other.startswith(first)


def _ends_with_other(first: str, other: str) -> bool:
    return first.endswith(other) or other.endswith(first)


def _same_event(first: str, other: str) -> bool:
    """Whether some event is of both kinds."""
    return first == other or _holds(first, other) or _holds(other, first)


def _holds(wide: str, narrow: str) -> bool:
    return wide.endswith(":*") and narrow.startswith(wide.removesuffix("*"))
