"""MiniStack: the embedded default, a Python program that also runs functions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.emulators.driver import (
    ACCOUNTS,
    LAMBDA_INVOKE,
    PERSISTENCE,
    EmulatorDriver,
    ImageRecipe,
    Launch,
    ProcessRecipe,
)
from bootstrap.model.stack import Driver

IMAGE = "ministackorg/ministack:1.5.33"


def _identify(health: Mapping[str, Any]) -> str | None:
    ours = isinstance(health.get("services"), Mapping) and {"edition", "ready_scripts"} <= health.keys()
    return str(health.get("version") or "?") if ours else None


def _environment(launch: Launch) -> Mapping[str, str]:
    keep = "1" if launch.persist else "0"
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(launch.port),
        "MINISTACK_REGION": launch.region,
        # Both listen on all addresses otherwise.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(launch.folder / "state"),
        "S3_DATA_DIR": str(launch.folder / "s3"),
        "PERSIST_STATE": keep,
        "S3_PERSIST": keep,
        "LAMBDA_EXECUTOR": "local",
        # At its start it removes containers that look like its own from the user's Docker engine: it gets none.
        "DOCKER_HOST": f"unix://{launch.folder / 'tmp' / 'no-docker.sock'}",
    }


def _saved(folder: Path) -> tuple[Path, ...]:
    return tuple((folder / "state").glob("*.json"))


DRIVER = EmulatorDriver(
    name=Driver.MINISTACK,
    health="/_ministack/health",
    identify=_identify,
    reset="/_ministack/reset",
    services=lambda health: frozenset(health["services"]),
    services_setting="SERVICES",
    switched_off="Unsupported service: {service}",
    accounts=frozenset({"000000000000"}),
    capabilities=frozenset({ACCOUNTS, LAMBDA_INVOKE, PERSISTENCE}),
    process=ProcessRecipe(
        arguments=lambda _launch: ("-m", "ministack"),
        environment=_environment,
        saved=_saved,
        saves=True,
    ),
    image=ImageRecipe(
        default=IMAGE,
        port=4566,
        check=lambda _image, _environ: None,
        environment=lambda port, region: {
            "BIND_HOST": "0.0.0.0",  # noqa: S104  # of the container; the engine publishes it on 127.0.0.1
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": region,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
        },
        saving=lambda folder: {
            "PERSIST_STATE": "1",
            "STATE_DIR": f"{folder}/state",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": f"{folder}/s3",
        },
    ),
)
