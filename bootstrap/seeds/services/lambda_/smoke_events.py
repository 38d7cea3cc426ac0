"""The smoke events of a function: run after it was created, and whenever what they prove has changed."""

import json
from collections.abc import Mapping

from bootstrap.errors import StepFailedError
from bootstrap.seeds.model import (
    Desired,
    Value,
)
from bootstrap.seeds.schema import Anything, Record
from bootstrap.seeds.target import Target

"""The capability of an emulator that runs functions."""

LAMBDA_INVOKE = "lambda-invoke"
SMOKE = Record(keys={"event": Anything(), "expect": Anything()}, required=("event",))


def prove(target: Target, desired: Desired) -> None:
    """Run the smoke events.

    Raises:
        StepFailedError: the function fails, or answers something else.
    """
    given = desired.spec.body.get("smoke")
    if not given or not target.can(LAMBDA_INVOKE):
        return
    for smoke in given if isinstance(given, list) else [given]:
        payload = json.dumps(smoke["event"]).encode()
        answer = target.call("lambda", "Invoke", FunctionName=desired.id.name, Payload=payload)
        text = answer["Payload"].read().decode(errors="replace")
        if answer.get("FunctionError"):
            raise _smoke_failed(desired, smoke, text, "fails")
        if "expect" in smoke and _json(text) != smoke["expect"]:
            raise _smoke_failed(desired, smoke, text, "does not return what is expected")


def _smoke_failed(desired: Desired, smoke: Mapping[str, Value], text: str, what: str) -> StepFailedError:
    evidence = [f"event: {json.dumps(smoke['event'])}"]
    if "expect" in smoke:
        evidence.append(f"expected: {json.dumps(smoke['expect'])}")
    return StepFailedError(
        f"smoke test of {desired.id} {what}: {text[:500]}",
        evidence=[*evidence, f"answered: {text}"],
        fix="correct the function or its smoke event, then run the same command again",
    )


def _json(text: str) -> Value:
    try:
        return json.loads(text)
    except ValueError:
        return text
