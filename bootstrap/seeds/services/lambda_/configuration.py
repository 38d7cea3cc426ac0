"""A function's configuration: our names and AWS's, defaults, and waiting until a change is made."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bootstrap.errors import StepFailedError
from bootstrap.seeds.model import (
    Value,
)
from bootstrap.seeds.target import Answer, Target
from bootstrap.system.wait import wait_until

"""The capability of an emulator that runs functions."""


DEFAULT_ROLE = "bootstrap-lambda"
_READY_SECONDS = 60.0
SIMPLE = {"Runtime": "runtime", "Handler": "handler", "Description": "description", "Timeout": "timeout"} | {
    "MemorySize": "memory",
    "Role": "role",
}
DEFAULTS: Mapping[str, Value] = {"description": "", "timeout": 3, "memory": 128}
AWS_DEFAULTS: Mapping[str, Value] = {
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
    "DeadLetterConfig": {"TargetArn": ""},
    "KMSKeyArn": "",
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
    "SnapStart": {"ApplyOn": "None"},
    "LoggingConfig": {"LogFormat": "Text"},
    "FileSystemConfigs": [],
}


def configuration_fields(configuration: Answer) -> dict[str, Value]:
    """What the emulator tells of a function, as fields."""
    variables = (configuration.get("Environment") or {}).get("Variables") or {}
    return {
        "code": configuration["CodeSha256"],
        **{ours: configuration.get(theirs) for theirs, ours in SIMPLE.items()},
        **{f"environment.{name}": value for name, value in variables.items()},
        **{f"aws.{name}": configuration[name] for name in AWS_DEFAULTS if name in configuration},
    }


def machine(changed: Mapping[str, Value]) -> dict[str, Value]:
    """The processor the code is for, which AWS changes with the code alone."""
    if "aws.Architectures" not in changed:
        return {}
    return {"Architectures": changed["aws.Architectures"] or AWS_DEFAULTS["Architectures"]}


def is_configuration(path: str) -> bool:
    """Whether the field is changed by UpdateFunctionConfiguration."""
    if path == "aws.Architectures":
        return False
    return path in {*SIMPLE.values(), "layers"} or path.startswith(("environment.", "aws."))


def back_to_default(paths: Iterable[str]) -> dict[str, Any]:
    """What to send for fields that are no longer declared."""
    theirs = {ours: name for name, ours in SIMPLE.items()}
    sent: dict[str, Any] = {}
    for path in paths:
        if path == "layers":
            sent["Layers"] = []
        elif path in DEFAULTS:
            sent[theirs[path]] = DEFAULTS[path]
        elif path.removeprefix("aws.") in AWS_DEFAULTS and path != "aws.Architectures":
            sent[path.removeprefix("aws.")] = AWS_DEFAULTS[path.removeprefix("aws.")]
    return sent


def default_role(target: Target) -> str:
    """A role that Lambda may assume; moto asks for one that exists."""
    if target.endpoint.driver == "moto":
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        target.find(
            "iam", "CreateRole", "EntityAlreadyExists", RoleName=DEFAULT_ROLE, AssumeRolePolicyDocument=document
        )
    return f"arn:aws:iam::{target.account}:role/{DEFAULT_ROLE}"


def settled(target: Target, name: str) -> None:
    """Wait until the function can be run and changed."""

    def state() -> str | None:
        found = target.call("lambda", "GetFunctionConfiguration", FunctionName=name)
        if "Failed" in {found.get("State"), found.get("LastUpdateStatus")}:
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason given"
            raise StepFailedError(f"function {name} cannot start: {reason}", fix="check its runtime and code")
        busy = found.get("State") == "Pending" or found.get("LastUpdateStatus") == "InProgress"
        return None if busy else "Active"

    wait_until(state, target.cancel.within(_READY_SECONDS, f"function {name} becoming active"), interval=0.05)
