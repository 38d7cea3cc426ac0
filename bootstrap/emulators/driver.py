"""What has to be known of an emulator to start it, to recognise it, and to know what it can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from bootstrap.model.stack import Driver

Identify: TypeAlias = Callable[[Mapping[str, Any]], str | None]
"""The JSON of the health route → the version, `?` if it holds none; None: this is not that driver."""

LAMBDA_INVOKE = "lambda-invoke"
"""Functions run: when invoked, and when a queue, stream, topic or bucket feeds them."""
ACCOUNTS = "accounts"
"""An access key of 12 digits is an account of its own, apart from every other."""
PERSISTENCE = "persistence"
"""Its contents can outlive a stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """One start of an emulator as a process."""

    port: int
    region: str
    folder: Path
    """Its own; `folder / "tmp"` exists and is its home and temporary folder."""
    persist: bool
    whole: Path
    """Exists while all that the folder holds is saved; see `ProcessRecipe.saves`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessRecipe:
    """How it runs as a child process, under the Python that the toolchain has for it."""

    arguments: Callable[[Launch], tuple[str, ...]]
    """What follows `python`."""
    environment: Callable[[Launch], Mapping[str, str]]
    """Over the clean one that every child gets."""
    saves: bool = False
    """Whether it saves its contents into its folder when it ends in order, if it persists.

    It removes the file `Launch.whole` before it changes any of them, and writes it once all of them are saved.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRecipe:
    """How it runs as a container."""

    default: str
    port: int
    """The port it listens on inside, when `environment` is given."""
    check: Callable[[str, Mapping[str, str]], None]
    """(image, the user's environment): raises RefusedError when this image cannot start, before anything starts."""
    environment: Callable[[int, str], Mapping[str, str]]
    """(port, region) → what the container is given."""
    listening: Callable[[int], Mapping[str, str]] | None = None
    """(the port it is published at) → what makes it listen there too, so that URLs it makes up fit inside and outside;
    None: it listens on `port` alone, and makes up URLs of what it was asked at."""
    saving: Callable[[str], Mapping[str, str]] | None = None
    """(a folder inside, which outlives the container) → what makes it keep its contents there; None: it never does."""
    passed: tuple[str, ...] = ()
    """Variables of the user's that it is given if they are set."""
    with_socket: Callable[[str, str], Mapping[str, str]] | None = None
    """(its network, its own name) → what it is given besides the engine's socket; None: it has no use for one."""
    by_socket: frozenset[str] = frozenset()
    """The capabilities it only has with the engine's socket."""
    exit_codes: Mapping[int, str] = field(default_factory=dict)
    """What an exit code of its main process means, for the reader."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """How the messages of a queue are seen without being received: an emulator's own route."""

    path: Callable[[str], str]
    """(the queue's URL) → GET path."""
    messages: Callable[[Any], Sequence[Mapping[str, Any]]]
    """Its JSON → each message as AWS names its parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorDriver:
    """One AWS emulator; its file in `drivers/` is all that knows it."""

    name: Driver
    health: str
    """GET path."""
    identify: Identify
    reset: str
    """POST path that empties it."""
    accounts: frozenset[str]
    """The dummy accounts that its STS names for our dummy credentials."""
    capabilities: frozenset[str]
    process: ProcessRecipe | None = None
    image: ImageRecipe | None = None
    health_status: int = 200
    services: Callable[[Mapping[str, Any]], frozenset[str] | None] = lambda _health: None
    """The JSON of the health route → the services that are switched on, by AWS's names; None: all there are."""
    services_setting: str = ""
    """The emulator's own setting that switches services on; empty: it has none."""
    switched_off: str = ""
    """What it answers for a service that is switched off, `{service}` for its name."""
    restart: tuple[str, bytes] | None = None
    """POST path and body that make it start again, without its data; None: it cannot be asked to."""
    messages: str = ""
    """A path of its own that answers as ReceiveMessage does, with every message and without receiving any; empty: it
    has none."""
    start: tuple[str, str] | None = None
    """GET path and key of its JSON: a text that every start makes up again; None: it has none."""
    queue_view: QueueView | None = None
    """How the messages of a queue are seen; None: to see one is to receive it."""
