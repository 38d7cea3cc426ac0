"""Nothing that exists is replaced without consent: who is asked, and how a step without consent ends."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from bootstrap.model.event import Outcome, Status
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.step import Replace, Step, StepId

Ask: TypeAlias = Callable[[Sequence[Step]], Sequence[StepId]]
"""Returns those of the given steps that the user consents to. A terminal is asked, a pipeline is not."""


def refusal(step: Step) -> Outcome | None:
    """How a step ends that replaces something without consent; None: it may be performed."""
    if not isinstance(step.action, Replace) or step.action.consented:
        return None
    error = ReplacementNeededError(step.action.consent_to, step.action.replacement)
    return Outcome(status=Status.FAILED, detail=error.what, error=error)


def ask_nobody(_steps: Sequence[Step]) -> Sequence[StepId]:
    """Without a terminal: no consent."""
    return ()
