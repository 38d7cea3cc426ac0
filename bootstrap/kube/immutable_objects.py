"""Objects that the API server refuses to change, read from its own words: they can only be deleted and created again.

As kubernetes/kubernetes says it: `field is immutable` (`validation.ValidateImmutableField`), `updates to statefulset
spec for fields other than …`, `spec is immutable after creation` (claims), `cannot change roleRef`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from bootstrap.kube.api import KubeApi
from bootstrap.kube.deletion import wait_deleted
from bootstrap.model.count import counted
from bootstrap.model.kube import ObjectRef
from bootstrap.model.replacement import Replacement, ReplacementNeededError
from bootstrap.system.work import Work

_REFUSED = re.compile(r"\b(?P<kind>[A-Z]\w*)(?:\.[\w.-]+)? \\?\"(?P<name>[^\"\\]+)\\?\" is invalid: ")
_IMMUTABLE = re.compile(
    r"field is immutable|is immutable after creation|updates to \w+ spec for fields other than"
    r"|cannot change roleRef|may not change once set|updates to \w+ are forbidden"
)
_FIELD = re.compile(r"\s*\[?(?P<field>[\w.\[\]/-]+): ")
_HOLDS_DATA = frozenset({"PersistentVolumeClaim", "PersistentVolume"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImmutableObject:
    """One object whose declared form differs in a field that cannot change."""

    kind: str
    name: str
    field: str
    """`spec.template`; `spec` if the API server names no more."""


def immutable_objects(words: str) -> tuple[ImmutableObject, ...]:
    """Those that the API server, or helm in its words, names."""
    starts = [*_REFUSED.finditer(words)]
    changes = []
    for start, following in zip_longest(starts, starts[1:]):
        end = len(words) if following is None else following.start()
        why = words[start.end() : end]
        if _IMMUTABLE.search(why):
            field = _FIELD.match(why)
            name = "spec" if field is None else field["field"]
            changes.append(ImmutableObject(kind=start["kind"], name=start["name"], field=name))
    return tuple(dict.fromkeys(changes))


def replacement_needed(
    step: str, objects: Sequence[tuple[ObjectRef, ImmutableObject]], evidence: Sequence[str]
) -> ReplacementNeededError:
    """Why the step goes no further without consent, with the API server's own words."""
    reasons = tuple(f"{ref}: {each.field} cannot change" for ref, each in objects)
    volumes = sum(ref.kind in _HOLDS_DATA for ref, _ in objects)
    losses = (counted(volumes, "volume"),) if volumes else ()
    return ReplacementNeededError(step, Replacement(reasons=reasons, losses=losses), evidence=evidence)


def delete_for_replacement(refs: Iterable[ObjectRef], api: KubeApi, work: Work) -> None:
    """Delete these objects and wait until they are gone; whoever applies them next creates them.

    Raises:
        DeadlineError: one does not go; names what holds it.
    """
    going = tuple(refs)
    for ref in going:
        work.say(f"replacing {ref}")
        api.delete(ref, work.cancel)
    wait_deleted(going, api, work)
