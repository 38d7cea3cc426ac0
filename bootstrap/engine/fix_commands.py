"""Completes the commands in fixes and notes, so that they mean this very stack when they are pasted.

Adapters know no names of stacks: they write `bootstrap up`, `bootstrap down` or `bootstrap load IMAGE`.

    completed("run: bootstrap up", session)                 # run: bootstrap up shop --set cluster.workers=2
    completed("copy it with: bootstrap load web:1", session)    # … bootstrap load web:1 --stack shop
"""

import re
from dataclasses import replace

from bootstrap.config.flags import DEFAULT_STACK
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, SeveralError
from bootstrap.model.cause import Cause
from bootstrap.model.event import Event, Noted, StepFinished
from bootstrap.model.stack import Stack

_OF_STACK = re.compile(
    r"\bbootstrap (up|plan|status|down|repair|pause|resume|reset|diff|logs|kubeconfig|lock)"
    r"(?=$|[;,.:)`]| --| \()(?! --(?:stack|repo|name)\b)"
)
"""Verbs whose argument is the stack, without one."""
_OF_SUBJECT = re.compile(
    r"\bbootstrap (?:(?:load|explain) |(?:snapshot [a-z]+|seed (?:plan|apply|refresh|reset|prune|export))\b)"
    r"(?:[^;,)`]*[^;,)`\s])?"
)
"""Verbs whose argument is something else."""


def completed(text: str, session: Session) -> str:
    """The text, with each command of ours as it has to be typed for this stack."""
    up, stack = session.command or session.up_command, session.stack
    if _is_default(up, stack):
        return text
    text = _OF_STACK.sub(lambda verb: up if verb[1] == "up" else verb_command(verb[1], up, stack), text)
    options = selection(stack)
    return _OF_SUBJECT.sub(lambda command: command[0] if " --stack " in command[0] else command[0] + options, text)


def complete(error: BootstrapError, session: Session) -> None:
    """Complete the fix of an error."""
    for each in error.errors if isinstance(error, SeveralError) else (error,):
        each.fix = None if each.fix is None else completed(each.fix, session)


def completed_cause(cause: Cause, session: Session) -> Cause:
    """The cause with its fix completed."""
    return replace(cause, fix=completed(cause.fix, session)) if cause.fix else cause


def completed_event(event: Event, session: Session) -> Event:
    """The event with the fix of its error, or the text of its note, completed."""
    if isinstance(event, StepFinished) and event.outcome.error is not None:
        complete(event.outcome.error, session)
    if isinstance(event, Noted):
        return replace(event, note=replace(event.note, text=completed(event.note.text, session)))
    return event


def verb_command(verb: str, up: str, stack: Stack) -> str:
    """The command of a verb for this stack; without a stack file it needs the options of `up`."""
    if stack.file is None and up.startswith("bootstrap up"):
        return f"bootstrap {verb}{up.removeprefix('bootstrap up')}"
    return f"bootstrap {verb} {stack.typed}"


def selection(stack: Stack) -> str:
    """The options that select this stack where the arguments are something else, after a space; empty: the default."""
    named = "" if stack.name == DEFAULT_STACK else f" --stack {stack.name}"
    return f"{named} --name {stack.instance}" if stack.instance else named


def _is_default(up: str, stack: Stack) -> bool:
    """Whether `bootstrap up` alone means this stack."""
    return not selection(stack) and stack.file is not None and up in {"bootstrap up", f"bootstrap up {DEFAULT_STACK}"}
