"""`--allow-replace`, and the question that a terminal is asked instead."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

from bootstrap.console.live import LiveRenderer
from bootstrap.console.renderer import Renderer
from bootstrap.engine.consent import Ask, ask_nobody
from bootstrap.model.step import Replace, Step, StepId


def asking(shown: Renderer, *, stdin: TextIO, stderr: TextIO, environment: Mapping[str, str]) -> Ask:
    """Asks on a terminal, with the live board hidden; without a terminal, or in CI, nobody is asked."""
    if environment.get("CI") or not (stdin.isatty() and stderr.isatty()):
        return ask_nobody

    def ask(steps: Sequence[Step]) -> Sequence[StepId]:
        with shown.paused() if isinstance(shown, LiveRenderer) else contextlib.nullcontext():
            return tuple(dict.fromkeys(step for step, text in _questions(steps).items() if _is_allowed(text)))

    return ask


def _questions(steps: Sequence[Step]) -> Mapping[StepId, str]:
    """One per step that consent is given to, with every reason and loss."""
    lines: dict[StepId, list[str]] = {}
    for step in steps:
        if isinstance(step.action, Replace):
            replacement = step.action.replacement
            about = lines.setdefault(step.action.consent_to, [])
            about += [f"  {reason}" for reason in replacement.reasons]
            about += [f"  lost with it: {replacement.loss}"] if replacement.losses else []
    return {step: "\n".join((f"{step} would be deleted and created again:", *about)) for step, about in lines.items()}


def _is_allowed(text: str) -> bool:
    click.echo(text, err=True)
    return click.confirm("Replace it?", default=False, err=True)
