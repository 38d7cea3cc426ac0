"""Runs helm 3.17+ or 4: one environment of our own, one table of what differs between them."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.kube.kustomize import clean_environment
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Finished, Processes

_GRACE_SECONDS = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What differs between helm's major versions."""

    install: tuple[str, ...]
    """Added to every install and upgrade."""
    forced: tuple[str, ...]
    """Instead of `install` if objects that cannot be changed may be replaced (Flux's upgrade.force)."""
    client_side: tuple[str, ...]
    """Instead of `install` if the API server chooses the name of an object: it can only be created."""
    plugin_renderer: bool
    """Whether a post renderer is named as a plugin, not as a program."""
    hooks_rendered: bool
    """Whether post renderers see hooks too."""


_DIALECTS = {
    3: Dialect(install=(), forced=("--force",), client_side=(), plugin_renderer=False, hooks_rendered=False),
    # Server-side apply adopts the fields of other managers, as Flux does; without it, whoever touched a field
    # (an autoscaler, a certificate injector) makes the next upgrade fail.
    4: Dialect(
        # It refuses unknown fields by itself: without the OpenAPI documents a small release costs half the CPU.
        install=("--server-side=true", "--force-conflicts", "--disable-openapi-validation"),
        # helm refuses to replace by server-side apply.
        forced=("--server-side=false", "--force-replace"),
        client_side=("--server-side=false", "--disable-openapi-validation"),
        plugin_renderer=True,
        hooks_rendered=True,
    ),
}


class Helm:
    """The helm program, with folders of its own; credentials are those of the user's own helm and docker."""

    def __init__(self, programs: Programs, processes: Processes, home: Path) -> None:
        self._programs = programs
        self._processes = processes
        self._home = home

    @property
    def version(self) -> str:
        """Such as `4.1.4`."""
        return self._programs.version("helm")

    @property
    def dialect(self) -> Dialect:
        """How this version is spoken to; later major versions are treated as the newest known."""
        return _DIALECTS.get(int(self.version.partition(".")[0]), _DIALECTS[max(_DIALECTS)])

    @property
    def plugins(self) -> Path:
        """Where it looks for plugins."""
        return self._home / "plugins"

    def command(
        self,
        *arguments: str,
        recorded: bool = False,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Command:
        """The command for these arguments; `recorded` if it changes a cluster, `environment` is added to ours."""
        return Command(
            argv=(str(self._programs.path("helm")), *arguments),
            env={**self._environment(), **(environment or {})},
            stdin=stdin,
            # On SIGINT helm writes down that the release failed; killed, it leaves it pending.
            polite=signal.SIGINT,
            grace=_GRACE_SECONDS,
            recorded=recorded,
        )

    def run(self, command: Command, cancel: CancelToken) -> Finished:
        """Run it to the end; see `Processes.run`."""
        return self._processes.run(command, cancel)

    def read(self, arguments: Sequence[str], cancel: CancelToken) -> Finished:
        """Run what changes no cluster."""
        return self.run(self.command(*arguments), cancel)

    def _environment(self) -> dict[str, str]:
        user = Path(os.environ.get("HELM_CONFIG_HOME") or _user_configuration() / "helm")
        kept = ("DOCKER_CONFIG", "XDG_RUNTIME_DIR", "HELM_REGISTRY_CONFIG")
        return {
            # Credentials first, so that the user's own setting goes before.
            "HELM_REGISTRY_CONFIG": str(user / "registry" / "config.json"),
            **clean_environment(),
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HELM_CACHE_HOME": str(self._home / "cache"),
            "HELM_CONFIG_HOME": str(self._home / "config"),
            "HELM_DATA_HOME": str(self._home / "data"),
            "HELM_PLUGINS": str(self.plugins),
            "HELM_DRIVER": "secret",
            # Client-side throttling only makes a local API server wait.
            "HELM_QPS": "200",
            "HELM_BURST_LIMIT": "400",
            # It ends before its garbage is worth collecting, unless a chart is huge.
            "GOGC": "off",
            "GOMEMLIMIT": "256MiB",
        }

    @property
    def registry_configurations(self) -> tuple[Path, ...]:
        """Where the user's own helm and docker keep the credentials of registries."""
        environment = self._environment()
        docker = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
        return Path(environment["HELM_REGISTRY_CONFIG"]), docker / "config.json"

    @property
    def repositories(self) -> Path:
        """The user's own list of repositories, with their credentials."""
        user = Path(os.environ.get("HELM_CONFIG_HOME") or _user_configuration() / "helm")
        return Path(os.environ.get("HELM_REPOSITORY_CONFIG") or user / "repositories.yaml")


def _user_configuration() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
