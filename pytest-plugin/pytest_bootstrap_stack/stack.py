"""What the fixture `stack` gives to tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_bootstrap_stack.program import Program, ProgramError
from pytest_bootstrap_stack.relay import Relay

if TYPE_CHECKING:
    from pytest_bootstrap_stack.seeds import Restore

_REMOVED = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""What would lead a client somewhere else than to the platform."""


@dataclass(kw_only=True)
class Stack:
    """The platform of this test run, as this process sees it."""

    name: str
    options: tuple[str, ...]
    """Select the platform in every command of bootstrap: `("--stack", "ci", "--name", "pytest-1a2b3c4d")`."""
    program: Program
    environment: Mapping[str, str]
    """KUBECONFIG, AWS_ENDPOINT_URL, dummy keys and the like: for applications that tests start."""
    relay: Relay | None
    restore: "Restore | None" = None
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def kubeconfig(self) -> Path:
        """The platform's own kubeconfig."""
        return Path(self.environment["KUBECONFIG"])

    @property
    def aws_endpoint(self) -> str:
        """The address of the AWS emulator.

        Raises:
            LookupError: the stack has none.
        """
        if "AWS_ENDPOINT_URL" not in self.environment:
            raise LookupError(f"stack {self.name} has no AWS emulator")
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def account(self) -> str:
        """The account of this process; empty: the one of all."""
        key = self.environment.get("AWS_ACCESS_KEY_ID", "")
        return key if key.isdigit() else ""

    def boto3_client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's own
        """A boto3 client of the platform, such as `boto3_client("sqs")`; one without options is made once."""
        if service not in self._clients or options:
            import boto3  # noqa: PLC0415 - only for those who use it

            client = boto3.client(
                service,  # type: ignore[call-overload] # any service
                endpoint_url=self.aws_endpoint,
                region_name=self.environment["AWS_REGION"],
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
                **options,
            )
            if options:
                return client
            self._clients[service] = client
        return self._clients[service]

    def url(self, host: str) -> str:
        """The address on this machine of a host name that an Ingress answers to.

        Raises:
            LookupError: no Ingress has it, or nothing answers there; says what is missing.
        """
        urls = self.status()["urls"]
        for url in urls:
            if url["name"] == host:
                if not url["answers"]:
                    raise LookupError(f"{host} is not answered: {url['problem']}")
                return str(url["url"])
        raise LookupError(f"no Ingress has the host {host}; there are: {', '.join(url['name'] for url in urls)}")

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints.

        Raises:
            ProgramError: it ended with another code than 0.
        """
        return self.program.run("run", *self.options, "--quiet", "--", "kubectl", *arguments)

    def status(self) -> dict[str, Any]:
        """The state of the platform, as `bootstrap status --output json` prints it."""
        ended = self.program.completed("status", *self.options, "--quiet", "--output", "json")
        if not ended.stdout:
            raise ProgramError(ended.stderr)
        status: dict[str, Any] = json_of(ended.stdout)
        return status

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """Give this process the platform's environment: its clients reach the platform and nothing else."""
        before = dict(os.environ)
        removed = [name for name in before if name in _REMOVED or name.startswith("AWS_ENDPOINT_URL_")]
        for name in removed:
            del os.environ[name]
        os.environ.update(self.environment)
        try:
            yield
        finally:
            changed = {*removed, *self.environment}
            for name in changed:
                if name in before:
                    os.environ[name] = before[name]
                else:
                    os.environ.pop(name, None)


def json_of(text: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON that a program printed."""
    import json  # noqa: PLC0415 - only here

    return json.loads(text)


def unready_text(status: Mapping[str, Any]) -> str:
    """What is not up with its causes; empty if everything is."""
    lines = []
    for part in status["parts"]:
        if part["health"] in {"up", "simulated", "suspended"}:
            continue
        lines.append(f"{part['name']} is {part['health']}: {part['detail']}")
        for cause in part["causes"]:
            lines.append(f"  Cause: {cause['text']}")
            lines += [f"    {line}" for line in cause["evidence"]]
            lines += [f"    Fix: {cause['fix']}"] if cause["fix"] else []
        if not part["causes"]:
            lines += [f"  {line}" for line in part["evidence"]]
    return "\n".join(lines)
