"""How a function may be invoked: its reserved concurrency, its settings for asynchronous calls, and who may call it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bootstrap.seeds.model import FieldPath, Value
from bootstrap.seeds.schema import Aws, MapOf, Text
from bootstrap.seeds.services.permissions import SID, function_policy
from bootstrap.seeds.target import AwsError, Target

CONCURRENCY = "ReservedConcurrentExecutions"
ASYNCHRONOUS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
LATER = frozenset({CONCURRENCY, *ASYNCHRONOUS})
"""Parameters under `aws:` that have calls of their own."""
PREFIX = "permissions."
PERMISSIONS = MapOf(
    Aws(
        service="lambda",
        operations=("AddPermission",),
        instead={
            "FunctionName": "it is the fixture's key",
            "StatementId": "it is the permission's key",
            "Qualifier": "permissions are of the function itself",
            "RevisionId": "it is of the call",
        },
    ),
    key=Text(like=("lambda", "AddPermission", "StatementId")),
)
"""Statements of the function's resource policy, by their ids, in AddPermission's words."""

_ABSENT = ("ResourceNotFoundException",)
_NOT_THERE = (*_ABSENT, "InternalFailure", "NotImplemented", "404")
"""What emulators answer that have no such operation."""
_CONDITIONS = {
    "aws:sourcearn": "SourceArn",
    "aws:sourceaccount": "SourceAccount",
    "aws:principalorgid": "PrincipalOrgID",
    "lambda:eventsourcetoken": "EventSourceToken",
    "lambda:functionurlauthtype": "FunctionUrlAuthType",
    "lambda:invokedviafunctionurl": "InvokedViaFunctionUrl",
}


def permission_fields(body: Mapping[str, Value]) -> dict[FieldPath, Value]:
    """The declared permissions as fields."""
    return {f"{PREFIX}{sid}": dict(given) for sid, given in body.get("permissions", {}).items()}


def observed_permissions(target: Target, function: str) -> dict[FieldPath, Value]:
    """The statements of the function's policy that no fixture of ours made for itself."""
    statements = function_policy(target, function).get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return {
        f"{PREFIX}{entry['Sid']}": _parameters(entry)
        for entry in listed
        if entry.get("Sid") and not str(entry["Sid"]).startswith(SID)
    }


def put_permissions(target: Target, function: str, changed: Mapping[FieldPath, Value], there: Iterable[str]) -> None:
    """Add, replace and remove statements: AWS cannot change one."""
    for path, given in changed.items():
        sid = path.removeprefix(PREFIX)
        if path in there:
            target.find("lambda", "RemovePermission", *_ABSENT, FunctionName=function, StatementId=sid)
        if given is not None:
            target.call("lambda", "AddPermission", FunctionName=function, StatementId=sid, **given)


def observed_invocation(target: Target, function: str) -> dict[FieldPath, Value]:
    """Reserved concurrency and the settings of asynchronous calls, as fields under `aws.`."""
    fields: dict[FieldPath, Value] = {}
    concurrency = _read(target, "GetFunctionConcurrency", function)
    if CONCURRENCY in concurrency:
        fields[f"aws.{CONCURRENCY}"] = concurrency[CONCURRENCY]
    invoke = _read(target, "GetFunctionEventInvokeConfig", function)
    for name in ASYNCHRONOUS:
        value = _destinations(invoke.get(name)) if name == "DestinationConfig" else invoke.get(name)
        if value is not None:
            fields[f"aws.{name}"] = value
    return fields


def put_invocation(
    target: Target, function: str, changed: Mapping[FieldPath, Value], body: Mapping[str, Value]
) -> None:
    """Put what differs; `body` is the fixture's `aws`, since AWS replaces the asynchronous settings whole."""
    path = f"aws.{CONCURRENCY}"
    if path in changed:
        if changed[path] is None:
            target.find("lambda", "DeleteFunctionConcurrency", *_ABSENT, FunctionName=function)
        else:
            target.call("lambda", "PutFunctionConcurrency", FunctionName=function, **{CONCURRENCY: changed[path]})
    if any(f"aws.{name}" in changed for name in ASYNCHRONOUS):
        sent = {name: body[name] for name in ASYNCHRONOUS if name in body}
        if sent:
            target.call("lambda", "PutFunctionEventInvokeConfig", FunctionName=function, **sent)
        else:
            target.find("lambda", "DeleteFunctionEventInvokeConfig", *_ABSENT, FunctionName=function)


def _read(target: Target, operation: str, function: str) -> Mapping[str, Any]:
    try:
        return target.call("lambda", operation, FunctionName=function)
    except AwsError as error:
        if error.code in _NOT_THERE:
            return {}
        raise


def _destinations(given: Value) -> Value:
    """Without the halves that name no destination, which emulators fill in."""
    if not isinstance(given, dict):
        return None
    return {
        name: entry for name, entry in given.items() if isinstance(entry, dict) and entry.get("Destination")
    } or None


def _parameters(statement: Mapping[str, Any]) -> dict[str, Value]:
    """AddPermission's parameters for a statement of the policy."""
    parameters: dict[str, Value] = {"Action": statement.get("Action"), "Principal": _principal(statement)}
    for operator in statement.get("Condition", {}).values():
        for name, value in operator.items():
            parameter = _CONDITIONS.get(name.lower())
            if parameter:
                parameters[parameter] = value == "true" if parameter == "InvokedViaFunctionUrl" else value
    return parameters


def permissions_left_out(target: Target, function: str) -> Iterator[str]:
    """What to say of statements, and of conditions of statements, that AddPermission has no parameter for."""
    statements = function_policy(target, function).get("Statement", [])
    for entry in statements if isinstance(statements, list) else [statements]:
        sid = str(entry.get("Sid", ""))
        if not sid or entry.get("Effect", "Allow") != "Allow":
            yield f"a permission {sid or 'without an id'} is not exported: AddPermission cannot make it"
        for operator, conditions in entry.get("Condition", {}).items():
            for name in conditions:
                if name.lower() not in _CONDITIONS:
                    yield f"permission {sid}: its condition {operator} of {name} is not exported"


def _principal(statement: Mapping[str, Any]) -> Value:
    principal = statement.get("Principal", "*")
    return next(iter(principal.values()), "*") if isinstance(principal, dict) else principal
