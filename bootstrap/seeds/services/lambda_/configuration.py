"""A function's configuration: our names and AWS's, defaults, and waiting until a change is made."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bootstrap.errors import StepFailedError
from bootstrap.seeds.aws_shapes import accepted
from bootstrap.seeds.model import (
    Value,
)
from bootstrap.seeds.services.lambda_.invocation import LATER
from bootstrap.seeds.services.lambda_.smoke_events import LAMBDA_INVOKE
from bootstrap.seeds.target import Answer, AwsError, Target
from bootstrap.system.wait import wait_until

DEFAULT_ROLE = "bootstrap-lambda"
_ABSENT = ("ResourceNotFoundException",)
_READY_SECONDS = 60.0
_NOT_RUNNING = "cannot be updated if an old one is not running"
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
    "ImageConfig": {},
}

_LOG_LEVELS = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
"""What AWS, and LocalStack like it, fills in beside LogFormat: JSON."""


def configuration_fields(configuration: Answer) -> dict[str, Value]:
    """What the emulator returns of a function, as fields."""
    variables = (configuration.get("Environment") or {}).get("Variables") or {}
    return {
        "package": configuration.get("PackageType", "Zip"),
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
    if path == "aws.Architectures" or path.removeprefix("aws.") in LATER:
        return False
    return path in {*SIMPLE.values(), "layers"} or path.startswith(("environment.", "aws."))


def reported_parameters(name: str, fields: Mapping[str, Value]) -> dict[str, Value]:
    """AWS's own parameters as they may be given, without what every function has without being asked."""
    accepteds = {key: accepted("lambda", "CreateFunction", key, fields.get(f"aws.{key}")) for key in AWS_DEFAULTS}
    logging = dict(accepteds["LoggingConfig"] or {})
    for key, usual in {"LogGroup": f"/aws/lambda/{name}", **_LOG_LEVELS}.items():
        if logging.get(key) == usual:
            del logging[key]
    accepteds["LoggingConfig"] = logging
    return {key: value for key, value in accepteds.items() if value and value != AWS_DEFAULTS[key]}


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


def failure(configuration: Answer) -> str | None:
    """Why the function cannot run, in the emulator's words; None: nothing says that it cannot."""
    if "Failed" not in {configuration.get("State"), configuration.get("LastUpdateStatus")}:
        return None
    reason = configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "no reason given"
    return f"Failed: {reason}"


def settled(target: Target, name: str) -> None:
    """Wait until the function can be run and changed; if the emulator runs none, until it has come to rest.

    Raises:
        StepFailedError: it cannot run, though the emulator runs functions.
    """

    def state() -> str | None:
        configuration = target.call("lambda", "GetFunctionConfiguration", FunctionName=name)
        reason = failure(configuration)
        if reason is not None and target.can(LAMBDA_INVOKE):
            raise StepFailedError(
                f"function {name} cannot run: {reason}",
                fix=f"check its runtime and code, and that {target.endpoint.driver} reaches a Docker engine; "
                "then run the same command again",
            )
        busy = configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress"
        return None if busy else "at rest"

    wait_until(state, target.cancel.within(_READY_SECONDS, f"function {name} becoming active"), interval=0.05)


def update_function(target: Target, operation: str, name: str, **parameters: Any) -> None:  # noqa: ANN401 - AWS's own
    """UpdateFunctionCode or UpdateFunctionConfiguration, and wait until it is done.

    LocalStack keeps what it is given for a function that is not running, and reports an error of its own then.
    """
    try:
        target.call("lambda", operation, FunctionName=name, **parameters)
    except AwsError as error:
        if error.code != "InternalError" or _NOT_RUNNING not in error.what:
            raise
    settled(target, name)


def delete_function(target: Target, name: str) -> None:
    """Delete it; passes if it is gone. LocalStack deletes one that failed, and then reports an error of its own.

    Raises:
        AwsError: it is still there.
    """
    try:
        target.find("lambda", "DeleteFunction", *_ABSENT, FunctionName=name)
    except AwsError as error:
        if error.code != "InternalError" or target.find("lambda", "GetFunction", *_ABSENT, FunctionName=name):
            raise


def not_running(driver: str) -> str:
    """Why an emulator runs no functions, for the reader."""
    if driver in {"localstack", "floci"}:
        return "which has no Docker engine to run them (emulator.dockerSocket: true gives it the one of this machine)"
    return "which cannot run functions"
