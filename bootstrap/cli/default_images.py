"""Finds the default images, for the list of differences."""

from collections.abc import Sequence
from dataclasses import replace

from bootstrap.config.conflicts import resolved_emulator
from bootstrap.config.differences import ValueDifference
from bootstrap.errors import InvalidError
from bootstrap.model.stack import DeclaredValue, Provider, Stack

_CLUSTER, _EMULATOR = "cluster.image", "emulator.image"


def with_default_images(
    differences: Sequence[ValueDifference], declared: Stack, provider: Provider
) -> tuple[ValueDifference, ...]:
    """The same, an image that is not declared any more with the one that would be used instead."""
    return tuple(
        difference if difference.now is not None else replace(difference, now=_default(difference, declared, provider))
        for difference in differences
    )


def _default(difference: ValueDifference, declared: Stack, provider: Provider) -> DeclaredValue | None:
    image = None
    if difference.path == _CLUSTER:
        image = _node_image(declared, provider)
    elif difference.path == _EMULATOR:
        image = _emulator_image(declared, provider)
    if image is None:
        return None
    return DeclaredValue(path=difference.path, value=image.partition("@")[0], origin="default")


def _node_image(declared: Stack, provider: Provider) -> str | None:
    from bootstrap.clusters.k3d import config as k3d  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.clusters.kind import config as kind  # noqa: PLC0415

    image_of = {Provider.KIND: kind.image_of, Provider.K3D: k3d.image_of}.get(provider)
    try:
        return None if image_of is None else image_of(declared.cluster)
    except InvalidError:
        # No image is known for this version: `up` will report it.
        return None


def _emulator_image(declared: Stack, provider: Provider) -> str | None:
    from bootstrap.emulators.choose import driver_of  # noqa: PLC0415 - `--help` imports no adapter

    if declared.emulator is None:
        return None
    recipe = driver_of(resolved_emulator(declared.emulator, provider, None)).image
    return None if recipe is None else recipe.default
