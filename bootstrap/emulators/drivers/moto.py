"""Moto's server: quick and wide, keeps nothing, runs no functions."""

from collections.abc import Mapping
from typing import Any

from bootstrap.emulators.driver import EmulatorDriver, ImageRecipe, Launch, ProcessRecipe
from bootstrap.model.stack import Driver


def _identify(health: Mapping[str, Any]) -> str | None:
    return "?" if {"batch", "lambda"} <= health.keys() and "services" not in health else None


def _environment(launch: Launch) -> Mapping[str, str]:
    return {
        "MOTO_PORT": str(launch.port),
        "AWS_DEFAULT_REGION": launch.region,
        "DOCKER_HOST": f"unix://{launch.folder / 'tmp' / 'no-docker.sock'}",
    }


DRIVER = EmulatorDriver(
    name=Driver.MOTO,
    health="/moto-api/config",
    health_status=201,
    identify=_identify,
    reset="/moto-api/reset",
    accounts=frozenset({"123456789012"}),
    capabilities=frozenset(),
    process=ProcessRecipe(
        arguments=lambda launch: ("-m", "moto.server", "-H", "127.0.0.1", "-p", str(launch.port)),
        environment=_environment,
    ),
    image=ImageRecipe(
        default="motoserver/moto:5.2.5",
        port=4566,
        check=lambda _image, _environ: None,
        environment=lambda port, region: {"MOTO_PORT": str(port), "AWS_DEFAULT_REGION": region},
    ),
)
