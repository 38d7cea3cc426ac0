"""Who may send to a queue or run a function: what AWS asks for beside a subscription or a notification."""

import threading
from collections.abc import Mapping

from bootstrap.seeds.model import Value, digest
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.target import Target

SID = "bootstrap-"
"""How the statements that we add begin."""

BY_TOPIC = f"{SID}topic-"
"""How the permissions begin that a topic's fixture gives to functions: they show whose a subscription is."""
BY_FUNCTION = SID
"""How those begin that a function's own fixture gives."""

_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_NO_POLICY = "ResourceNotFoundException"
# Two topics may grant themselves the same queue at once, and a policy is written whole.
_WRITING = threading.Lock()


def queue_admits(target: Target, queue_arn: str, source_arn: str) -> bool:
    """Whether the queue takes from this source, or has a policy of its own, which is never touched."""
    policy = _queue_policy(target, queue_arn)
    return policy is not None and (_is_foreign(policy) or _sid(source_arn) in _sids(policy))


def admit_to_queue(target: Target, queue_arn: str, source_arn: str) -> None:
    """Add the statement that lets the source send to the queue, unless the queue has a policy of its own."""
    with _WRITING:
        policy = _queue_policy(target, queue_arn)
        if policy is not None and (_is_foreign(policy) or _sid(source_arn) in _sids(policy)):
            return
        statements = [*_statements(policy), _queue_statement(queue_arn, source_arn)]
        _put_queue_policy(target, queue_arn, {"Version": "2012-10-17", "Statement": statements})


def dismiss_from_queue(target: Target, queue_arn: str, source_arn: str) -> None:
    """Delete our statement; passes if it, or the queue, is gone."""
    with _WRITING:
        policy = _queue_policy(target, queue_arn)
        if policy is None or _sid(source_arn) not in _sids(policy):
            return
        kept = [statement for statement in _statements(policy) if statement.get("Sid") != _sid(source_arn)]
        _put_queue_policy(target, queue_arn, {**policy, "Statement": kept} if kept else None)


def function_admits(target: Target, function_arn: str, source_arn: str, *, by: str) -> bool:
    """Whether a fixture of this kind gave the source the permission to run the function."""
    return _sid(source_arn, by) in _sids(function_policy(target, function_arn))


def admit_to_function(target: Target, function_arn: str, source_arn: str, *, by: str) -> None:
    """Let the source run the function; passes if it may already."""
    target.find(
        "lambda",
        "AddPermission",
        "ResourceConflictException",
        FunctionName=function_arn,
        StatementId=_sid(source_arn, by),
        Action="lambda:InvokeFunction",
        Principal=f"{source_arn.split(':')[2]}.amazonaws.com",
        SourceArn=source_arn,
    )


def dismiss_from_function(target: Target, function_arn: str, source_arn: str, *, by: str) -> None:
    """Delete the permission; passes if it, or the function, is gone."""
    sid = _sid(source_arn, by)
    target.find("lambda", "RemovePermission", _NO_POLICY, FunctionName=function_arn, StatementId=sid)


def function_policy(target: Target, function_arn: str) -> Mapping[str, Value]:
    """The function's resource policy; empty for none."""
    if not target.has("lambda"):
        return {}
    response = target.find("lambda", "GetPolicy", _NO_POLICY, FunctionName=function_arn)
    policy = policy_value(response["Policy"]) if response else None
    return policy if isinstance(policy, dict) else {}


def is_ours_alone(policy: Value) -> bool:
    """Whether we wrote every statement of the policy: nobody declared it."""
    return isinstance(policy, dict) and not _is_foreign(policy)


def _sid(source_arn: str, by: str = SID) -> str:
    return by + digest(source_arn)


def _statements(policy: Mapping[str, Value] | None) -> list[Mapping[str, Value]]:
    statements = (policy or {}).get("Statement", [])
    return list(statements) if isinstance(statements, list) else [statements]


def _sids(policy: Mapping[str, Value]) -> set[str]:
    return {str(statement.get("Sid", "")) for statement in _statements(policy)}


def _is_foreign(policy: Mapping[str, Value]) -> bool:
    return any(not sid.startswith(SID) for sid in _sids(policy))


def _queue_statement(queue_arn: str, source_arn: str) -> dict[str, Value]:
    return {
        "Sid": _sid(source_arn),
        "Effect": "Allow",
        "Principal": {"Service": f"{source_arn.split(':')[2]}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }


def _queue_url(target: Target, queue_arn: str) -> str:
    """Emulators take the plain form, whichever form they give."""
    return f"{target.endpoint.url}/{target.account}/{queue_arn.rpartition(':')[2]}"


def _queue_policy(target: Target, queue_arn: str) -> Mapping[str, Value] | None:
    """None: there is no such queue."""
    if not target.has("sqs"):
        return None
    url = _queue_url(target, queue_arn)
    response = target.find("sqs", "GetQueueAttributes", *_NO_QUEUE, QueueUrl=url, AttributeNames=["Policy"])
    if response is None:
        return None
    policy = policy_value(response.get("Attributes", {}).get("Policy"))
    return policy if isinstance(policy, dict) else {}


def _put_queue_policy(target: Target, queue_arn: str, policy: Value) -> None:
    text = policy_text(policy) if policy else ""
    url = _queue_url(target, queue_arn)
    target.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": text})
