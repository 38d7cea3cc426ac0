"""Fetches one folder of a Git repository, without its history."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from bootstrap.charts.semver import RangeError, newest_in
from bootstrap.errors import StepFailedError
from bootstrap.kube.kustomize import clean_environment
from bootstrap.model.release import GitChart
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_SECONDS = 300.0
_PASSED = ("SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_ASKPASS", "XDG_CONFIG_HOME")


def fetch_chart(chart: GitChart, into: Path, processes: Processes, cancel: CancelToken) -> Path:
    """The chart's folder below `into`; credentials are those of the user's own git, which never asks for any.

    Raises:
        StepFailedError: the repository, the revision or the folder cannot be had.
    """
    within = cancel.within(_SECONDS, f"git fetch of {chart.url}")
    try:
        processes.run(_git("init", "--quiet", folder=into), within)
        tag = revision(chart, lambda: _tags(chart, into, processes, within))
        for arguments in (
            ("fetch", "--quiet", "--depth=1", "--no-tags", "--", chart.url, tag),
            ("checkout", "--quiet", "FETCH_HEAD", "--", chart.path.strip("/") or "."),
        ):
            processes.run(_git(*arguments, folder=into), within)
    except CommandFailedError as error:
        raise StepFailedError(
            f"cannot fetch {chart.path} of {chart.url}",
            evidence=error.evidence,
            command=error.command,
            fix="check url, ref and path of the GitRepository, and that `git fetch` of it works by hand",
        ) from error
    return into / chart.path.strip("/")


def revision(chart: GitChart, tags: Callable[[], Iterable[str]]) -> str:
    """What to fetch: commit before ref name before semver before tag before branch, as Flux reads it.

    Raises:
        StepFailedError: the semver range is none, or no tag is in it.
    """
    if chart.commit is not None:
        return chart.commit
    if chart.ref_name is not None:
        return chart.ref_name
    if chart.semver is not None:
        return f"refs/tags/{_newest_tag(chart.url, chart.semver, tags())}"
    if chart.tag is not None:
        return f"refs/tags/{chart.tag}"
    return f"refs/heads/{chart.branch or 'master'}"


def _newest_tag(url: str, constraint: str, tags: Iterable[str]) -> str:
    try:
        newest = newest_in(tags, constraint)
    except RangeError as error:
        raise StepFailedError(f"ref.semver of {url}: {error}") from error
    if newest is None:
        raise StepFailedError(f"no tag of {url} is in the range {constraint}")
    return newest


def _tags(chart: GitChart, folder: Path, processes: Processes, cancel: CancelToken) -> Iterable[str]:
    listed = processes.run(_git("ls-remote", "--tags", "--refs", "--", chart.url, folder=folder), cancel)
    return [line.rpartition("refs/tags/")[2] for line in listed.text().splitlines()]


def _git(*arguments: str, folder: Path) -> Command:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    env = {**clean_environment(), **passed, "GIT_TERMINAL_PROMPT": "0"}
    return Command(argv=("git", *arguments), cwd=folder, env=env)
