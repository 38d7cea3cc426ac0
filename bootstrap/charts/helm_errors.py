"""Turns helm's errors into what to do."""

import re
from collections.abc import Callable

from bootstrap.errors import BootstrapError, DeadlineError, StepFailedError
from bootstrap.kube.cause_watch import NotReadyError, NotReadyInTimeError, evidence_of, fix_of
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.release import Release
from bootstrap.system.processes import Command, CommandFailedError

_NO_NEWS = ("Release ", "WARNING: ", "level=")
_WAITED = re.compile(r"(?:pre|post)-(?:install|upgrade|rollback|delete)|timed out|deadline|BackoffLimit")
"""What helm prints if something did not become ready in time: only then does the cluster know why."""
_ENDED = frozenset({CauseKind.CRASH, CauseKind.INIT_FAILED, CauseKind.JOB_FAILED})
Look = Callable[[], tuple[Cause, ...]]


def explained(error: CommandFailedError, release: Release, *, doing: str, look: Look = tuple) -> StepFailedError:
    """What failed, helm's own words, what the cluster reports of it, and the fix if the words name one."""
    own = own_words(error)
    words = " ".join(error.finished.lines())
    what = f"helm could not {doing} release {release.target_namespace}/{release.release_name}"
    causes, silence = _causes(look) if _WAITED.search(words) else ((), ())
    if causes:
        return NotReadyError(
            f"{what}: {causes[0].of}: {causes[0].text}",
            evidence=(*own, *evidence_of(causes)),
            command=error.command,
            fix=_fix_of_hook(causes[0]) or _fix(words, release),
        )
    return StepFailedError(what, evidence=(*own, *silence), command=error.command, fix=_fix(words, release))


def _fix_of_hook(cause: Cause) -> str | None:
    """Its log is shown if there is one: by now helm may have removed its pod, which could be asked for it."""
    if cause.evidence and cause.kind in _ENDED:
        return "correct what its log shows, then run: bootstrap up"
    return fix_of(cause)


def late(error: DeadlineError, command: Command, look: Look) -> DeadlineError:
    """That helm did not end in time, with what kept it."""
    causes, silence = _causes(look)
    if not causes:
        return DeadlineError(error.what, evidence=silence, command=str(command))
    what = f"{error.what}: {causes[0].of}: {causes[0].text}"
    return NotReadyInTimeError(what, evidence=evidence_of(causes), command=str(command), fix=fix_of(causes[0]))


def _causes(look: Look) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """What the cluster reports, or that it reports nothing."""
    try:
        return look(), ()
    except BootstrapError as error:
        return (), (error.what,)


def own_words(error: CommandFailedError) -> tuple[str, ...]:
    """What helm reports of the failure: its log repeats it, and its notes on the release have nothing of it."""
    return tuple(line for line in error.finished.lines() if not line.startswith(_NO_NEWS))


def _fix(output: str, release: Release) -> str | None:
    where = f" ({release.place})" if release.place is not None else ""
    for pattern, fix in _FIXES:
        if match := re.search(pattern, output):
            return fix.format(*match.groups(), id=release.id, where=where)
    return None


_FIXES = (
    (
        r"(\S+) \"([^\"]+)\" in namespace \"([^\"]*)\" exists and cannot be imported",
        "{0} {1} already exists and does not belong to this release: remove it, or rename the release{where}",
    ),
    (
        r"resource name may not be empty",
        "helm deletes a hook by its name before it creates it again: give one with generateName a name{where}",
    ),
    (
        r"no matches for kind \"([^\"]+)\" in version \"([^\"]+)\"",
        "the cluster does not know {0} ({1}): add the chart that defines it, and a dependsOn on it to {id}{where}",
    ),
    (
        r"don't meet the specifications of the schema",
        "correct spec.values of {id}{where} as the chart's schema requires",
    ),
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
        "the conversion webhook of {0} fails: write the object in the version that the definition stores",
    ),
    (
        r"(?:pre|post)-(?:install|upgrade|rollback|delete)",
        "a hook of the chart failed: look at its Job with: bootstrap status; then run: bootstrap up",
    ),
)
"""What helm's message holds → what to do; groups are filled in. The more special go first."""
