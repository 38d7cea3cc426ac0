"""The environment of programs that use the platform."""

from collections.abc import Mapping
from pathlib import Path

from bootstrap.engine.session import Session
from bootstrap.errors import RefusedError
from bootstrap.kube.kubeconfig import damage
from bootstrap.system.clock import CancelToken

_LOOK_SECONDS = 20.0


def existing_kubeconfig(session: Session) -> Path:
    """The stack's own kubeconfig.

    Raises:
        RefusedError: there is none, the stack is not up; or it is damaged, and programs would ask something else.
    """
    file = session.state.kubeconfig
    if not file.exists():
        raise RefusedError(
            f"stack {session.stack.name} is not up: it has no kubeconfig",
            fix=f"run: {session.up_command}",
        )
    if wrong := damage(file):
        raise RefusedError(wrong, fix=f"write it again: bootstrap repair {session.stack.typed}")
    return file


def platform_environment(session: Session, cancel: CancelToken) -> Mapping[str, str]:
    """The variables with which kubectl, helm, boto3 and the aws CLI use this platform, and no other.

    Credentials are dummies, and the user's profile is switched off: nothing that runs with these can reach AWS.

    Raises:
        RefusedError: the stack is not up, or its emulator is not running.
    """
    variables = {"KUBECONFIG": str(existing_kubeconfig(session))}
    if session.ports.emulator is None:
        return variables
    looked = session.ports.emulator.observe(cancel.within(_LOOK_SECONDS, "the emulator's address"))
    if looked.endpoint is None:
        raise RefusedError(
            f"the emulator is not running: {looked.detail or looked.state}",
            fix=f"run: {session.up_command}",
        )
    return {
        **variables,
        "AWS_ENDPOINT_URL": looked.endpoint.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": looked.endpoint.region,
        "AWS_DEFAULT_REGION": looked.endpoint.region,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


REMOVED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""Variables of the user that would select another cluster or account."""
