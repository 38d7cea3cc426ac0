"""Fixes name the stack that they are for, and the flags that its `up` was given."""

from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.engine.fix_commands import complete, completed, completed_cause, completed_event
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, RefusedError, SeveralError
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.event import Noted, Outcome, Status, StepFinished
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import Note
from bootstrap.model.step import StepId
from fakes.ports import World
from fakes.setting import Setting

UP = "bootstrap up shop --name two --set cluster.workers=2"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Setting(tmp_path, World()).session
    stack = replace(session.stack, name="shop", instance="two", file=tmp_path / "stacks" / "shop.yaml")
    return replace(session, stack=stack, command=UP)


@pytest.mark.parametrize(
    ("text", "as_typed"),
    [
        ("correct it; then run: bootstrap up", f"correct it; then run: {UP}"),
        (
            "keep it: bootstrap up --adopt; or bootstrap down",
            f"keep it: {UP} --adopt; or bootstrap down shop --name two",
        ),
        ("bootstrap down, then bootstrap up", f"bootstrap down shop --name two, then {UP}"),
        ("look with: bootstrap status; then", "look with: bootstrap status shop --name two; then"),
        ("copy it: bootstrap load a/b:1; then", "copy it: bootstrap load a/b:1 --stack shop --name two; then"),
        ("run: bootstrap lock --upgrade", "run: bootstrap lock shop --name two --upgrade"),
        ("name one: bootstrap snapshot restore a", "name one: bootstrap snapshot restore a --stack shop --name two"),
        ("(with: bootstrap seed reset; or so)", "(with: bootstrap seed reset --stack shop --name two; or so)"),
        ("run: bootstrap reset", "run: bootstrap reset shop --name two"),
        ("bootstrap explain pod/x", "bootstrap explain pod/x --stack shop --name two"),
        ("bootstrap down STACK, of one that nobody needs", "bootstrap down STACK, of one that nobody needs"),
        ("run: bootstrap doctor", "run: bootstrap doctor"),
        (f"run: {UP}", f"run: {UP}"),
    ],
)
def test_a_command_means_this_stack(session: Session, text: str, as_typed: str) -> None:
    assert completed(text, session) == as_typed
    assert completed(as_typed, session) == as_typed


def test_the_default_stack_needs_no_name(session: Session, tmp_path: Path) -> None:
    stack = replace(session.stack, name="dev", instance="")
    plain = replace(session, stack=stack, command="bootstrap up dev")
    assert completed("run: bootstrap up; or: bootstrap down", plain) == "run: bootstrap up; or: bootstrap down"
    flags = replace(plain, command="bootstrap up dev --set a.b=1")
    assert completed("run: bootstrap up; or: bootstrap down", flags) == (
        "run: bootstrap up dev --set a.b=1; or: bootstrap down dev"
    )


def test_without_a_stack_file_other_verbs_need_the_options_of_up(session: Session) -> None:
    repo = replace(session, stack=replace(session.stack, file=None), command="bootstrap up --repo apps")
    assert completed("run: bootstrap status", repo) == "run: bootstrap status --repo apps"


@pytest.mark.parametrize("command", ["bootstrap up --stack shop", "bootstrap up --repo apps --set a.b=1"])
def test_a_command_that_names_its_stack_by_an_option_stays_as_it_is(session: Session, command: str) -> None:
    named = replace(session, command=command)
    assert completed(completed("run: bootstrap up", named), named) == f"run: {command}"


def test_errors_causes_and_notes(session: Session) -> None:
    errors = [RefusedError("a", fix="run: bootstrap up"), RefusedError("b")]
    complete(SeveralError(errors), session)
    assert [error.fix for error in errors] == [f"run: {UP}", None]
    ref = ObjectRef(api_version="v1", kind="Pod", namespace="a", name="b")
    cause = Cause(kind=CauseKind.CRASH, of=ref, object=ref, text="x", fix="bootstrap load a")
    assert completed_cause(cause, session).fix == "bootstrap load a --stack shop --name two"
    outcome = Outcome(status=Status.FAILED, error=BootstrapError("c", fix="run: bootstrap up"))
    now = session.clock.now()
    finished = completed_event(StepFinished(at=now, step=StepId("cluster"), outcome=outcome, seconds=1), session)
    assert isinstance(finished, StepFinished)
    assert finished.outcome.error is not None
    assert finished.outcome.error.fix == f"run: {UP}"
    noted = completed_event(Noted(at=now, note=Note(text="remove it with: bootstrap up --prune")), session)
    assert isinstance(noted, Noted)
    assert noted.note.text == f"remove it with: {UP} --prune"
