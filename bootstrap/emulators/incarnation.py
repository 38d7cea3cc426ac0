"""The id of an emulator's contents: kept inside, so that it goes when they go."""

import json
import uuid
from typing import Any

from bootstrap.emulators.dummy_signature import signed
from bootstrap.emulators.http_exchange import Request, exchange
from bootstrap.emulators.proof import Proven
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken

PARAMETER = "/bootstrap/incarnation"


def incarnation_of(proven: Proven, region: str, cancel: CancelToken) -> str:
    """The id as it is there; empty when nobody gave one yet. Writes nothing."""
    found = _call(proven, region, "GetParameter", {"Name": PARAMETER}, cancel)
    return str(found.get("Parameter", {}).get("Value", ""))


def ensure_incarnation(proven: Proven, region: str, cancel: CancelToken) -> str:
    """The id; a new one where there is none, because the contents are new or were lost.

    Raises:
        StepFailedError: the emulator has no Parameter Store.
    """
    here = incarnation_of(proven, region, cancel)
    if here:
        return here
    fresh = uuid.uuid4().hex
    parameter = {"Name": PARAMETER, "Value": fresh, "Type": "String", "Overwrite": False}
    told = _call(proven, region, "PutParameter", parameter, cancel)
    # Another run may have been first: what is there counts.
    here = incarnation_of(proven, region, cancel)
    if not here:
        raise StepFailedError(
            f"{proven.address.url} does not keep the parameter {PARAMETER}",
            evidence=(json.dumps(told),),
            fix="start the emulator with its ssm service",
        )
    return here


def _call(proven: Proven, region: str, operation: str, body: dict[str, Any], cancel: CancelToken) -> dict[str, Any]:
    request = Request(
        method="POST",
        path="/",
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{operation}"},
        body=json.dumps(body).encode(),
    )
    # An emulator may load its Parameter Store with the first question.
    answer = exchange(proven.address, signed(request, aws_service="ssm", region=region), cancel, seconds=30)
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"status": answer.status}
