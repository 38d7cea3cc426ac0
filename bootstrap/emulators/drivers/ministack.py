"""MiniStack: the embedded default, a Python program that also runs functions."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from bootstrap.emulators.driver import (
    ACCOUNTS,
    LAMBDA_INVOKE,
    PERSISTENCE,
    EmulatorDriver,
    ImageRecipe,
    Launch,
    ProcessRecipe,
    QueueView,
)
from bootstrap.model.stack import Driver

IMAGE = "ministackorg/ministack:1.5.33"


# It saves one file per service when it ends, goes on if one of them fails, and can be killed between two of them. So
# the file `whole` is removed before the first request is served, and written once everything is saved. A service whose
# saved data could not be loaded would be saved empty: then it does not start.
_PROGRAM = """
import logging, pathlib, sys
import ministack.app as ministack

whole, failures, serve = pathlib.Path(sys.argv.pop()), [], ministack.app

class Failures(logging.Handler):
    def emit(self, record):
        if record.name == "persistence" or str(record.msg).startswith("Failed to restore"):
            failures.append(record.getMessage())

for name in ("persistence", "ministack"):
    logging.getLogger(name).addHandler(Failures(logging.ERROR))

async def app(scope, receive, send):
    async def sent(message):
        if failures and message["type"] == "lifespan.startup.complete":
            message = {"type": "lifespan.startup.failed", "message": "; ".join(failures)}
        if not failures and message["type"] == "lifespan.shutdown.complete":
            whole.touch(mode=0o600)
        await send(message)

    if scope["type"] == "lifespan":
        await serve(scope, receive, sent)
    else:
        whole.unlink(missing_ok=True)
        await serve(scope, receive, send)

ministack.app = app
ministack.main()
"""


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


def _messages(answer: Any) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    """The answer has them by account, region and queue; only one queue was asked for."""
    by_region = (region for account in answer["messages"].values() for region in account.values())
    return [message for queues in by_region for messages in queues.values() for message in messages]


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
    queue_view=QueueView(
        path=lambda url: f"/_ministack/sqs/messages?{urlencode({'QueueUrl': url})}", messages=_messages
    ),
    process=ProcessRecipe(
        arguments=lambda launch: ("-c", _PROGRAM, str(launch.whole)),
        environment=_environment,
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
