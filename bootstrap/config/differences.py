"""What is declared differently now than when a stack was brought up last."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bootstrap.config.conflicts import resolved_emulator
from bootstrap.model.stack import DeclaredValue, EmulatorSpec, Provider, Stack
from bootstrap.state.remembered_stack import RememberedStack

_NOT_PART_OF_IT = frozenset({"apiVersion", "kind", "metadata.name"})
_LONGEST = 60
_DEFAULT = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueDifference:
    """One value of a stack that differs between the last `up` and now; at least one of the two is set."""

    path: str
    before: DeclaredValue | None
    now: DeclaredValue | None

    @property
    def for_lack_of_a_flag(self) -> bool:
        """Whether it differs only because a flag or a variable of the environment was given then and is not now."""
        then = self.before is not None and self.before.is_from_call
        return then and (self.now is None or not self.now.is_from_call)

    def __str__(self) -> str:
        """`cluster.image: node:v1 (--set), now not set (default)`; the values of variables are not shown."""
        if self.before is not None and self.before.is_variable and self.now is not None:
            return f"{self.path}: another value ({self.before.origin}), now that of {self.now.origin}"
        return f"{self.path}: {_shown(self.before)}, now {_shown(self.now)}"


def differences(
    remembered: RememberedStack, declared: Stack, values: Sequence[DeclaredValue]
) -> tuple[ValueDifference, ...]:
    """Every value that differs, in the order of the documentation; none if an older version remembered the stack.

    `auto` does not differ from the value that it is resolved to.
    """
    if not remembered.values:
        return ()
    before = {value.path: value for value in remembered.values}
    now = {value.path: value for value in values}
    then = _effective(remembered.stack, before, remembered.stack)
    here = _effective(declared, now, remembered.stack)
    return _collapsed(
        tuple(
            ValueDifference(path=path, before=before.get(path), now=now.get(path))
            for path in dict.fromkeys((*now, *before))
            if path not in _NOT_PART_OF_IT and then.get(path) != here.get(path) and not _is_new(path, before, now)
        )
    )


def _is_new(path: str, before: Mapping[str, DeclaredValue], now: Mapping[str, DeclaredValue]) -> bool:
    """Whether an older version remembered the stack, which did not have this field, and nobody sets it now."""
    block, here = path.rpartition(".")[0], now.get(path)
    by_default = path not in before and here is not None and here.origin == _DEFAULT
    return by_default and any(other.startswith(f"{block}.") for other in before)


def _collapsed(found: Sequence[ValueDifference]) -> tuple[ValueDifference, ...]:
    """A block that is there on one side only, such as an emulator, is one difference instead of one for each field."""
    blocks = {outer.path for outer in found if any(inner.path.startswith(f"{outer.path}.") for inner in found)}
    inside = {block: [each for each in found if each.path.startswith(f"{block}.")] for block in blocks}
    hidden = {each.path for members in inside.values() for each in members}
    return tuple(
        replace(
            each,
            before=each.before or _declared(each.path, [member.before for member in inside[each.path]]),
            now=each.now or _declared(each.path, [member.now for member in inside[each.path]]),
        )
        if each.path in blocks
        else each
        for each in found
        if each.path not in hidden
    )


def _declared(path: str, fields: Sequence[DeclaredValue | None]) -> DeclaredValue | None:
    """A block with the origin of the first of its fields that somebody wrote; None: none of them is there."""
    here = [value for value in fields if value is not None]
    origin = next((value.origin for value in here if value.origin != _DEFAULT), _DEFAULT)
    return DeclaredValue(path=path, value="declared", origin=origin) if here else None


def _effective(stack: Stack, values: Mapping[str, DeclaredValue], lives: Stack) -> Mapping[str, object]:
    """The values by path: `auto` resolved for the provider of the stack, variables with their values."""
    provider = lives.cluster.provider if stack.cluster.provider is Provider.AUTO else stack.cluster.provider
    fields: dict[str, object] = {path: value.value for path, value in values.items()}
    fields |= {path: stack.variables.get(path.partition(".")[2]) for path, value in values.items() if value.is_variable}
    fields["cluster.provider"] = provider
    if stack.emulator is not None:
        emulator = _emulator(stack.emulator, provider, lives)
        fields |= {"emulator.placement": emulator.placement, "emulator.driver": emulator.driver}
    return fields


def _emulator(emulator: EmulatorSpec, provider: Provider, lives: Stack) -> EmulatorSpec:
    last_placement = None if lives.emulator is None else lives.emulator.placement
    return resolved_emulator(emulator, provider, last_placement)


def _shown(value: DeclaredValue | None) -> str:
    if value is None:
        return "not set"
    if value.is_variable:
        return f"set ({value.origin})"
    text = value.value if isinstance(value.value, str) else json.dumps(value.value, ensure_ascii=False, default=str)
    return f"{text if len(text) <= _LONGEST else text[:_LONGEST] + '…'} ({value.origin})"
