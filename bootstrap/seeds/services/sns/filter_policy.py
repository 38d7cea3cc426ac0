"""What AWS refuses in a subscription's filter policy.

"Amazon SNS subscription filter policies" in the SNS developer guide: an array holds at least one value; values are
strings, numbers, true, false, null or one operator each; nested keys are for the scope MessageBody alone; a policy has
at most five keys, and its combinations may not exceed 150.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from bootstrap.seeds.model import Value
from bootstrap.yamltext.positions import ValuePath, nearest

_OPERATORS = {
    "prefix": (str,),
    "suffix": (str,),
    "equals-ignore-case": (str,),
    "cidr": (str,),
    "exists": (bool,),
    "numeric": (list,),
    "wildcard": (str,),
    "anything-but": (str, int, float, list, dict),
}
_COMPARISONS = ("=", "<", "<=", ">", ">=")
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_OR = "$or"


def filter_policy_problems(policy: Mapping[str, Value], scope: str) -> Iterator[tuple[ValuePath, str]]:
    """Everything wrong with the policy, with the way to it."""
    in_body = scope == "MessageBody"
    yield from _level(policy, (), in_body=in_body)
    if _OR in policy:
        return
    leaves = list(_leaves(policy))
    keys = len(leaves) if in_body else len(policy)
    if keys > _MOST_KEYS:
        yield (), f"has {keys} keys, and AWS allows {_MOST_KEYS}"
    combinations = prod(len(values) for values in leaves if values)
    if combinations > _MOST_COMBINATIONS:
        yield (), f"has {combinations} combinations of values, and AWS allows {_MOST_COMBINATIONS}"


def _level(policy: Mapping[str, Value], path: ValuePath, *, in_body: bool) -> Iterator[tuple[ValuePath, str]]:
    for key, value in policy.items():
        here = (*path, key)
        if isinstance(value, list) and key == _OR:
            for number, branch in enumerate(value):
                yield from _level(branch, (*here, number), in_body=in_body) if isinstance(branch, dict) else ()
        elif isinstance(value, list):
            yield from _values(value, here)
        elif isinstance(value, dict):
            yield from _nested(value, here, in_body=in_body)
        else:
            yield here, f"must be a list of values (write [{value!r}])" if value is not None else "must be a list"


def _nested(policy: Mapping[str, Value], path: ValuePath, *, in_body: bool) -> Iterator[tuple[ValuePath, str]]:
    if not in_body:
        yield path, "is nested, which is for filterPolicyScope: MessageBody only (AWS: an array of values)"
    elif not policy:
        yield path, "must not be empty"
    else:
        yield from _level(policy, path, in_body=in_body)


def _values(values: list[Any], path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    if not values:
        yield path, "must not be an empty list (AWS: empty arrays are not allowed)"
    for number, value in enumerate(values):
        if isinstance(value, list):
            yield (*path, number), "must be a value or an operator, not a list"
        elif isinstance(value, dict):
            yield from _operator(value, (*path, number))


def _operator(given: Mapping[str, Any], path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    if len(given) != 1:
        yield path, "must have one operator, such as {prefix: …}"
        return
    name, argument = next(iter(given.items()))
    if name not in _OPERATORS:
        near = nearest(name, _OPERATORS)
        said = f"did you mean {near}?" if near else f"known: {', '.join(_OPERATORS)}"
        yield (*path, name), f"is not an operator ({said})"
    elif not isinstance(argument, _OPERATORS[name]) or (isinstance(argument, bool) and name != "exists"):
        yield (*path, name), "has a value of the wrong type"
    elif name == "numeric" and isinstance(argument, list):
        yield from _numeric(argument, (*path, name))
    elif isinstance(argument, list) and not argument:
        yield (*path, name), "must not be an empty list (AWS: empty arrays are not allowed)"


def _numeric(argument: list[Any], path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    if len(argument) not in {2, 4}:
        yield path, "must be one or two comparisons, such as ['>=', 0, '<', 10]"
        return
    for sign, number in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _COMPARISONS:
            yield path, f"{sign!r} is not a comparison (known: {' '.join(_COMPARISONS)})"
        if isinstance(number, bool) or not isinstance(number, int | float):
            yield path, f"compares with a number, not with {number!r}"


def _leaves(policy: Mapping[str, Value]) -> Iterator[list[Any]]:
    for key, value in policy.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, list) and key == _OR:
            for entry in value:
                yield from _leaves(entry) if isinstance(entry, dict) else ()
        elif isinstance(value, list):
            yield value
