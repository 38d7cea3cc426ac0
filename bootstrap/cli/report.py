"""Gathers what a report on a stack is made of, and writes it: by `bootstrap report`, and after a failed run in CI."""

import base64
import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.cli.main import version_text
from bootstrap.cli.options import StackOptions
from bootstrap.cli.session import open_remembered_stack, state_of
from bootstrap.config.flags import DEFAULT_STACK
from bootstrap.config.settings import Settings
from bootstrap.console.report.contents import Material, file_name, masker_of, overview_of, sections_of
from bootstrap.console.report.output import check_output, write_output
from bootstrap.console.report.page import page_html
from bootstrap.console.report.section import Section, fitted
from bootstrap.docker.container_logs import ContainerLog, container_logs
from bootstrap.engine.evidence import LOG_LINES, Evidence, read_evidence
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, CancelledError, RefusedError
from bootstrap.model.stack import StatePaths
from bootstrap.seeds.generated_secrets import generated_values
from bootstrap.state.logs import end_of, last_events, log_files
from bootstrap.system.clock import CancelToken
from bootstrap.yamltext.kubernetes import YamlError, load

T = TypeVar("T")
_SECONDS = 120.0
"""The time to read everything: a server that hangs must not keep a job."""
_FILES, _PAGE = 9 << 20, 9 << 20
"""Bytes of the files, and of the page that has them again: 20 MB with what is around them."""
_LOG_BYTES = 1 << 20
_LOGS = 20
"""Logs of programs and of the last runs."""
_VARIABLE = "BOOTSTRAP_REPORT"
_OFF = frozenset({"off", "no", "0", "false"})
_FOLDER = "bootstrap-report"


def write_report(
    stack: StackOptions,
    output: Path,
    cancel: CancelToken,
    *,
    settings: Settings | None = None,
    error: BootstrapError | None = None,
) -> Path:
    """Write a report on the stack; what to open: the page, or the archive. Changes nothing but that.

    Raises:
        UsageError, RefusedError: it cannot be written there.
    """
    check_output(output)
    material = _material(stack, cancel, settings=settings, error=error)
    masker = masker_of(material, os.environ)
    overview, sections = overview_of(material, masker), sections_of(material, masker)
    files = fitted([Section(file="summary.txt", title="Summary", text=overview.text()), *sections], _FILES)
    page = page_html(overview, fitted(sections, _PAGE), _PAGE)
    try:
        write_output(output, {"index.html": page, **{section.file: section.text for section in files}})
    except OSError as failure:
        raise RefusedError(
            f"the report cannot be written to {output}: {failure.strerror}", fix="name another place: --output DIR"
        ) from failure
    return output if output.is_file() else output / "index.html"


def report_wanted(environment: Mapping[str, str], stack: StackOptions, verb: str, cancel: CancelToken) -> Path | None:
    """Where a failed run in CI leaves its report: in BOOTSTRAP_REPORT, else in bootstrap-report; None: nowhere."""
    asked = environment.get(_VARIABLE, "")
    if asked.lower() in _OFF:
        return None
    at = cancel.clock.now().strftime("%Y%m%d-%H%M%S")
    return Path(asked or _FOLDER) / f"{_name(stack)}-{verb}-{at}"


def default_output(stack: StackOptions, cancel: CancelToken) -> Path:
    """Where `bootstrap report` writes without --output."""
    return Path(_FOLDER) / f"{_name(stack)}-{cancel.clock.now():%Y%m%d-%H%M%S}"


def _name(stack: StackOptions) -> str:
    named = Path(stack.reference or DEFAULT_STACK).stem
    return re.sub(r"[^\w.-]+", "-", f"{named}-{stack.overrides.name}".rstrip("-")) or DEFAULT_STACK


def _material(
    stack: StackOptions, cancel: CancelToken, *, settings: Settings | None, error: BootstrapError | None
) -> Material:
    within = cancel.within(_SECONDS, "the report")
    problems: dict[str, BootstrapError] = {}

    def attempt(part: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except CancelledError:
            raise
        except BootstrapError as failure:
            problems[part] = failure
            return None

    session = attempt("stack", lambda: open_remembered_stack(stack, cancel=within, settings=settings))
    state = session.state if session is not None else state_of(stack)
    evidence = None if session is None else attempt("evidence", lambda: read_evidence(session, within))
    containers = None if session is None else attempt("containers", lambda: _containers(session))
    events = None if state is None else last_events(state)
    return Material(
        name=_name(stack),
        version=version_text().removeprefix("bootstrap "),
        at=cancel.clock.now(),
        error=error,
        session=session,
        evidence=evidence or Evidence(),
        containers=containers or (),
        events="" if events is None else end_of(events, 8 * _LOG_BYTES),
        logs={} if state is None else _logs(state),
        secrets=() if state is None else tuple(secrets_of_files(state)),
        problems=problems,
    )


def _containers(session: Session) -> tuple[ContainerLog, ...]:
    """Of a stack that has something on an engine; one that stopped is a problem of the report."""
    from bootstrap.cli.compose import is_on_engine  # noqa: PLC0415 - the adapters load slowly
    from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

    if not is_on_engine(session.stack):
        return ()
    return container_logs(StackOnDocker(session.state, os.environ), LOG_LINES)


def _logs(state: StatePaths) -> dict[str, str]:
    return {
        file_name(file.relative_to(state.logs if file.is_relative_to(state.logs) else state.folder)): end_of(
            file, _LOG_BYTES
        )
        for file in log_files(state)[:_LOGS]
    }


def secrets_of_files(state: StatePaths) -> Iterator[str]:
    """The secrets that the stack's own files hold."""
    yield from generated_values(state.seeds)
    with contextlib.suppress(OSError, YamlError):
        yield from _credentials(load(state.kubeconfig.read_text()))
    with contextlib.suppress(OSError, YamlError):
        variables = load(state.variables.read_text())
        yield from map(str, variables.values() if isinstance(variables, Mapping) else ())


def _credentials(kubeconfig: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    users = kubeconfig.get("users") if isinstance(kubeconfig, Mapping) else None
    for user in users or ():
        for field in ("token", "password", "client-key-data"):
            if value := (user.get("user") or {}).get(field):
                yield str(value)
                with contextlib.suppress(ValueError):
                    yield base64.b64decode(str(value), validate=True).decode()
