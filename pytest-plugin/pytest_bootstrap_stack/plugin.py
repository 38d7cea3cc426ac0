"""The plugin: its options, its fixtures, and what a failing test's report says about the platform."""

import re
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_bootstrap_stack.program import ProgramError
from pytest_bootstrap_stack.relay import Relay
from pytest_bootstrap_stack.seeds import Restore, Seeds
from pytest_bootstrap_stack.session import Choice, Session
from pytest_bootstrap_stack.stack import Stack, unready_text

_SESSION = pytest.StashKey[Session]()
_SHOWN = pytest.StashKey[int]()
_MOST = 5
"""Failures of a process whose report says how the platform is: to look takes a second."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("bootstrap", "platform of bootstrap")
    group.addoption("--stack", metavar="NAME", help="The stack that tests use (default ci; ini bootstrap_stack).")
    group.addoption("--stack-keep", action="store_true", help="Leave the platform up when the tests have ended.")
    group.addoption(
        "--stack-reuse",
        action="store_true",
        help="Use the stack as `bootstrap up NAME` brings it up, instead of one of its own, and leave it up.",
    )
    parser.addini("bootstrap_stack", "The stack that tests use.", default="ci")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and take part in the run: all processes of xdist do from their beginning."""
    config.addinivalue_line("markers", "seeds(path, ...): fixture files that are there too while this test runs.")
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    run = str(worker.get("testrunuid") or uuid.uuid4().hex)
    if not worker and hasattr(config.option, "testrunuid"):
        # xdist's own option: the controller knows the id of the run before its workers start.
        config.option.testrunuid = run = config.option.testrunuid or run
    choice = Choice(
        stack=config.getoption("--stack") or config.getini("bootstrap_stack"),
        run=re.sub(r"[^0-9a-z]", "", run.lower()),
        keep=config.getoption("--stack-keep"),
        reuse=config.getoption("--stack-reuse"),
    )
    config.stash[_SESSION] = Session(choice=choice, project=config.rootpath)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the run; the last process takes the platform down."""
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    text = session.end()
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if text and reporter is not None:
        reporter.write_line(text)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The platform: `kubeconfig`, `aws_endpoint`, `boto3_client(service)`, `url(host)`, `kubectl(…)`, `environment`."""
    session = request.config.stash[_SESSION]
    try:
        environment = dict(session.platform()["environment"])
        relay, restore = None, None
        if "AWS_ENDPOINT_URL" in environment:
            address = urlsplit(environment["AWS_ENDPOINT_URL"])
            relay = Relay(address.hostname or "", address.port or 80)
            environment["AWS_ENDPOINT_URL"] = relay.url
    except ProgramError as error:
        pytest.fail(f"the platform could not be brought up: {error}", pytrace=False)
    given = Stack(
        name=session.choice.stack,
        options=session.choice.options,
        program=session.program,
        environment=environment,
        relay=relay,
    )
    if relay is not None:
        restore = _restore(request.config, session)
        given.restore = restore
        if restore is not None and restore.account:
            environment["AWS_ACCESS_KEY_ID"] = restore.account
    with given.in_environment():
        yield given
    if restore is not None:
        restore.close()
    if relay is not None:
        relay.close()


def _restore(config: pytest.Config, session: Session) -> Restore | None:
    """What restores the data; None for a stack without seeds. Worker gw3 has the account 000000000004."""
    worker = str(getattr(config, "workerinput", {}).get("workerid", ""))
    account = f"{int(re.sub(r'[^0-9]', '', worker) or 0) + 1:012}"
    try:
        return Restore(session.program, session.choice.options, account, session.folder / "baseline")
    except ProgramError as error:
        if "has no seeds" in str(error):
            return None
        pytest.fail(f"the data of the platform cannot be restored: {error}", pytrace=False)


@pytest.fixture(scope="session")
def _bootstrap_seeds(request: pytest.FixtureRequest, stack: Stack) -> Seeds:
    if stack.restore is None or stack.relay is None:
        pytest.fail(f"stack {stack.name} has no seeds\nFix:   name them in its file, under seeds", pytrace=False)
    return Seeds(session=request.config.stash[_SESSION], relay=stack.relay, restore=stack.restore)


@pytest.fixture
def seeds(request: pytest.FixtureRequest, _bootstrap_seeds: Seeds) -> Iterator[Seeds]:
    """AWS data as declared when the test begins, with those of `@pytest.mark.seeds(PATH)`."""
    marked = [Path(path) for marker in request.node.iter_markers("seeds") for path in marker.args]
    paths = tuple(path if path.is_absolute() else request.path.parent / path for path in marked)
    try:
        with _bootstrap_seeds.clean(paths):
            yield _bootstrap_seeds
    except ProgramError as error:
        pytest.fail(f"the data could not be restored: {error}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test's report says what of the platform is not ready, and why."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    shown = item.config.stash.get(_SHOWN, 0)
    if report.failed and isinstance(stack, Stack) and shown < _MOST:
        item.config.stash[_SHOWN] = shown + 1
        try:
            text = unready_text(stack.status())
        except ProgramError as error:
            text = str(error)
        if text:
            report.sections.append(("platform: what is not ready", text))
    return report
