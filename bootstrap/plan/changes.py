"""The effect of a changed field of the stack file on what exists, as one table (docs/clusters.md)."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from bootstrap.model.replacement import Change
from bootstrap.model.stack import Placement, Provider


class Effect(StrEnum):
    """What `up` does about a changed field."""

    IN_PLACE = "in place"
    """Changed in place; everything in it is kept."""
    GROWS = "more: in place; fewer: replace"
    """A count: what is added keeps the rest, what goes takes along what is in it."""
    REPLACE = "replace"
    """Changed only by recreating it, with consent."""
    NOTHING = "needs nothing"
    """No effect: it has no meaning there, or nothing that exists depends on it."""
    REFUSED = "refused"
    """Refused: what is in a cluster of others stays there until `down`."""


_IN_PLACE, _REPLACE, _NOTHING, _REFUSED = Effect.IN_PLACE, Effect.REPLACE, Effect.NOTHING, Effect.REFUSED
_GROWS = Effect.GROWS
_PROVIDERS = (Provider.KIND, Provider.K3D, Provider.KWOK, Provider.EXISTING)
_PLACEMENTS = (Placement.CONTAINER, Placement.PROCESS, Placement.CHART, Placement.ENDPOINT)


def _row(*effects: Effect) -> Mapping[Provider, Effect]:
    return dict(zip(_PROVIDERS, effects, strict=True))


def _emulator_row(*effects: Effect) -> Mapping[Placement, Effect]:
    return dict(zip(_PLACEMENTS, effects, strict=True))


CLUSTER: Mapping[str, Mapping[Provider, Effect]] = {
    "cluster.provider": _row(_REPLACE, _REPLACE, _REPLACE, _REFUSED),
    "cluster.kubernetes": _row(_REPLACE, _REPLACE, _REPLACE, _NOTHING),
    "cluster.workers": _row(_REPLACE, _GROWS, _IN_PLACE, _NOTHING),
    "cluster.ports.http": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.ports.https": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.image": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.profile": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.config": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.featureGates": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.mounts": _row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "cluster.bake": _row(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
    "cluster.context": _row(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
    "cluster.uid": _row(_NOTHING, _NOTHING, _NOTHING, _REFUSED),
}
"""By field of the stack file."""

EMULATOR: Mapping[str, Mapping[Placement, Effect]] = {
    "emulator.driver": _emulator_row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "emulator.placement": _emulator_row(_REPLACE, _REPLACE, _REPLACE, _NOTHING),
    "emulator.release": _emulator_row(_NOTHING, _NOTHING, _IN_PLACE, _NOTHING),
    "emulator.region": _emulator_row(_IN_PLACE, _IN_PLACE, _NOTHING, _NOTHING),
    "emulator.port": _emulator_row(_IN_PLACE, _IN_PLACE, _IN_PLACE, _NOTHING),
    "emulator.image": _emulator_row(_IN_PLACE, _NOTHING, _NOTHING, _NOTHING),
    "emulator.endpoint": _emulator_row(_NOTHING, _NOTHING, _NOTHING, _NOTHING),
    "emulator.persist": _emulator_row(_REPLACE, _REPLACE, _NOTHING, _NOTHING),
    "emulator.dockerSocket": _emulator_row(_IN_PLACE, _NOTHING, _NOTHING, _NOTHING),
}
"""By field. In place applies if the emulator keeps its data (`persist`); else each of these replaces it."""


def effect_of(change: Change, provider: Provider) -> Effect:
    """The effect of a change of a cluster's field; a path below a field counts as that field."""
    field = next((name for name in (change.field, _head(change.field)) if name in CLUSTER), None)
    effect = Effect.REPLACE if field is None else CLUSTER[field][provider]
    if effect is not Effect.GROWS:
        return effect
    return Effect.IN_PLACE if int(change.new) > int(change.old) else Effect.REPLACE


def _head(field: str) -> str:
    """`cluster.config` of `cluster.config nodes.0.role`."""
    return field.partition(" ")[0]


def table_text() -> str:
    """The two tables as docs/clusters.md holds them."""
    return "\n".join(
        (
            *_table("field", [provider.value for provider in _PROVIDERS], _rows(CLUSTER)),
            "",
            *_table("field", [placement.value for placement in _PLACEMENTS], _rows(EMULATOR)),
        )
    )


def _rows(
    table: Mapping[str, Mapping[Provider, Effect]] | Mapping[str, Mapping[Placement, Effect]],
) -> Iterator[tuple[str, ...]]:
    for field, effects in table.items():
        yield (f"`{field}`", *(effect.value for effect in effects.values()))


def _table(first: str, columns: list[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join((first, *columns))} |"
    yield f"| {' | '.join(['---'] * (len(columns) + 1))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
