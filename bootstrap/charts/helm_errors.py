"""Turns what helm says when it fails into what to do."""

import re

from bootstrap.errors import StepFailedError
from bootstrap.model.release import Release
from bootstrap.system.processes import CommandFailedError

_NO_NEWS = ("Release ", "WARNING: ", "level=")


def explained(
    error: CommandFailedError, release: Release, *, doing: str, evidence: tuple[str, ...] = ()
) -> StepFailedError:
    """What failed, helm's own words, what the cluster says of it, and the fix where the words tell one."""
    own = own_words(error)
    told = " ".join(error.finished.lines())
    return StepFailedError(
        f"helm could not {doing} release {release.target_namespace}/{release.release_name}",
        evidence=(*own, *evidence),
        command=error.command,
        fix=_fix(told, release),
    )


def own_words(error: CommandFailedError) -> tuple[str, ...]:
    """What helm says of the failure: its log repeats it, and its notes on the release say nothing of it."""
    return tuple(line for line in error.finished.lines() if not line.startswith(_NO_NEWS))


def _fix(told: str, release: Release) -> str | None:
    where = f" ({release.place})" if release.place is not None else ""
    for pattern, fix in _FIXES:
        if found := re.search(pattern, told):
            return fix.format(*found.groups(), id=release.id, where=where)
    return None


_FIXES = (
    (
        r"(\S+) \"([^\"]+)\" in namespace \"([^\"]*)\" exists and cannot be imported",
        "{0} {1} exists already and is not of this release: remove it, or give the release another name{where}",
    ),
    (
        r"resource name may not be empty",
        "helm deletes a hook by its name before it makes it again: give the one with generateName a name{where}",
    ),
    (
        r"no matches for kind \"([^\"]+)\" in version \"([^\"]+)\"",
        "the cluster does not know {0} ({1}): add the chart that defines it, and a dependsOn on it to {id}{where}",
    ),
    (r"don't meet the specifications of the schema", "correct spec.values of {id}{where}: the chart's schema says how"),
    (
        r"namespaces? \"([^\"]+)\" not found",
        "namespace {0} is missing: set install.createNamespace of {id}{where}, or add the Namespace to the repository",
    ),
    (
        r"failed calling webhook \"([^\"]+)\"",
        "webhook {0} does not answer: look at the pods behind it with: bootstrap status",
    ),
    (
        r"conversion webhook for ([^,]+(?:, Kind=\w+)?) failed: Post ",
        "the conversion webhook of {0} does not answer: its pods must be ready before objects of that kind are used",
    ),
    (
        r"conversion webhook for ([^,]+(?:, Kind=\w+)?) failed",
        "the conversion webhook of {0} refuses: write the object in the version that the definition stores",
    ),
    (
        r"(?:pre|post)-(?:install|upgrade|rollback|delete)",
        "a hook of the chart failed: look at its Job with: bootstrap status; then run: bootstrap up",
    ),
)
"""What helm's message holds → what to do; groups are filled in. The more special go first."""
