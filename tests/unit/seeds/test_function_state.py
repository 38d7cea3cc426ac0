"""A function that cannot run, in the states and words of AWS and of LocalStack with Docker's socket."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from bootstrap.errors import StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.model import Desired, Difference, Observed, ResourceId
from bootstrap.seeds.services.lambda_.configuration import failure, not_running, settled, update_function
from bootstrap.seeds.services.lambda_.service import Lambda, _Found
from bootstrap.seeds.services.lambda_.smoke_events import LAMBDA_INVOKE
from bootstrap.seeds.target import AwsError, Target
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock

BROKEN = "Error while creating lambda: Docker not available"
"""As LocalStack says it when it has been given a socket that leads nowhere."""


class Answers:
    """A target whose answers were written down; the last one is given again and again."""

    def __init__(self, *answers: Mapping[str, Any], runs: bool = True) -> None:
        self._answers = list(answers)
        self.cancel = CancelToken(FakeClock())
        self.endpoint = EmulatorEndpoint(url="http://127.0.0.1:4566", region="us-east-1", driver="localstack")
        self.calls: list[str] = []
        self._runs = runs

    def can(self, capability: str) -> bool:
        return self._runs and capability == LAMBDA_INVOKE

    def call(self, _service: str, operation: str, **_parameters: object) -> Mapping[str, Any]:
        self.calls.append(operation)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if "error" in answer:
            raise AwsError(operation, answer["error"], answer["message"])
        return answer


def target(*answers: Mapping[str, Any], runs: bool = True) -> Target:
    return cast("Target", Answers(*answers, runs=runs))


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"State": "Active", "LastUpdateStatus": "Successful"}, None),
        ({"State": "Pending", "StateReason": "The function is being created."}, None),
        ({"State": "Inactive"}, None),
        ({}, None),
        ({"State": "Failed", "StateReason": BROKEN, "StateReasonCode": "InternalError"}, f"Failed: {BROKEN}"),
        ({"State": "Failed"}, "Failed: no reason given"),
        (
            {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "image not found"},
            "Failed: image not found",
        ),
        ({"State": "Failed", "StateReason": "", "LastUpdateStatusReason": "first"}, "Failed: first"),
    ],
)
def test_state_and_reason_say_whether_it_can_run(configuration: dict[str, Any], expected: str | None) -> None:
    assert failure(configuration) == expected


def test_a_function_is_waited_for_until_it_is_active() -> None:
    answers = target({"State": "Pending"}, {"State": "Active", "LastUpdateStatus": "InProgress"}, {"State": "Active"})
    settled(answers, "ingest")
    assert cast("Answers", answers).calls == ["GetFunctionConfiguration"] * 3


def test_one_that_fails_where_functions_run_is_a_failure_with_its_reason() -> None:
    with pytest.raises(StepFailedError) as failed:
        settled(target({"State": "Pending"}, {"State": "Failed", "StateReason": BROKEN}), "ingest")
    assert failed.value.what == f"function ingest cannot run: Failed: {BROKEN}"
    assert failed.value.fix is not None
    assert "localstack reaches a Docker engine" in failed.value.fix


def test_one_that_fails_where_none_runs_has_come_to_rest() -> None:
    settled(target({"State": "Pending"}, {"State": "Failed", "StateReason": BROKEN}, runs=False), "ingest")


def test_an_update_that_fails_is_a_failure_until_the_next_one_succeeds() -> None:
    broken = {"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no such handler"}
    with pytest.raises(StepFailedError, match="no such handler"):
        update_function(target({}, broken), "UpdateFunctionCode", "ingest")
    update_function(target({}, {"State": "Active", "LastUpdateStatus": "Successful"}), "UpdateFunctionCode", "ingest")


def test_localstacks_own_error_for_a_function_that_is_not_running_is_passed_over_and_no_other() -> None:
    words = "a new version cannot be updated if an old one is not running"
    update_function(
        target({"error": "InternalError", "message": words}, {"State": "Active"}),
        "UpdateFunctionConfiguration",
        "ingest",
    )
    with pytest.raises(AwsError):
        update_function(target({"error": "InternalError", "message": "disk full"}), "UpdateFunctionCode", "ingest")


@pytest.mark.parametrize(("runs", "expected"), [(True, [f"Failed: {BROKEN}"]), (False, [])])
def test_a_failed_function_is_never_unchanged_where_functions_run(runs: bool, expected: Sequence[str]) -> None:
    found = Observed(
        id=ResourceId("lambda", "ingest"), fields={}, attributes={}, tags={}, spec=_Found({}, f"Failed: {BROKEN}")
    )
    desired = Desired(id=found.id, fields={}, spec=None)
    differences = list(Lambda().inspect(target({}, runs=runs), desired, found, {}, thorough=False))
    assert [difference.old for difference in differences] == expected
    assert all(
        difference == Difference(path="state", old=f"Failed: {BROKEN}", new="Active") for difference in differences
    )


def test_what_runs_no_functions_says_why() -> None:
    assert "emulator.dockerSocket: true" in not_running("localstack")
    assert not_running("moto") == "which cannot run functions"
