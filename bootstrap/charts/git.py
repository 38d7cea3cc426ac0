"""Fetches one folder of a Git repository, without its history."""

import os
from pathlib import Path

from bootstrap.clock import CancelToken
from bootstrap.errors import StepFailedError
from bootstrap.kube.kustomize import clean_environment
from bootstrap.model.release import GitChart
from bootstrap.process import Command, CommandFailedError, Processes

_SECONDS = 300.0
_PASSED = ("SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_ASKPASS", "XDG_CONFIG_HOME")


def fetch_chart(chart: GitChart, into: Path, processes: Processes, cancel: CancelToken) -> Path:
    """The chart's folder below `into`; credentials are those of the user's own git, which never asks for any.

    Raises:
        StepFailedError: the repository, the revision or the folder cannot be had.
    """
    within = cancel.within(_SECONDS, f"git fetch of {chart.url}")
    try:
        for arguments in (
            ("init", "--quiet"),
            ("fetch", "--quiet", "--depth=1", "--no-tags", "--", chart.url, revision(chart)),
            ("checkout", "--quiet", "FETCH_HEAD", "--", chart.path.strip("/") or "."),
        ):
            processes.run(_git(*arguments, folder=into), within)
    except CommandFailedError as error:
        raise StepFailedError(
            f"cannot fetch {chart.path} of {chart.url} at {revision(chart)}",
            evidence=error.evidence,
            command=error.command,
            fix="check url, ref and path of the GitRepository, and that `git fetch` of it works by hand",
        ) from error
    return into / chart.path.strip("/")


def revision(chart: GitChart) -> str:
    """What to fetch: commit before ref name before tag before branch, as Flux reads it."""
    if chart.commit is not None:
        return chart.commit
    if chart.ref_name is not None:
        return chart.ref_name
    if chart.tag is not None:
        return f"refs/tags/{chart.tag}"
    return f"refs/heads/{chart.branch or 'master'}"


def _git(*arguments: str, folder: Path) -> Command:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    env = {**clean_environment(), **passed, "GIT_TERMINAL_PROMPT": "0"}
    return Command(argv=("git", *arguments), cwd=folder, env=env)
