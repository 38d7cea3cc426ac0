"""A stack over fakes behind the pages of a server, without a socket."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bootstrap.model.check import Check, Level
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command
from bootstrap.ui.app import guarded_app
from bootstrap.ui.guard import Guard
from bootstrap.ui.looks import Looks
from bootstrap.ui.source import Source
from fakes.asgi import Browser
from fakes.setting import Setting

PORT = 4000
HOST = f"127.0.0.1:{PORT}"


@dataclass
class Pages:
    """The pages of a stack over fakes, and a browser that was let in."""

    setting: Setting
    verbs: list[tuple[str, ...]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    @cached_property
    def cancel(self) -> CancelToken:
        return CancelToken(self.setting.clock)

    @property
    def source(self) -> Source:
        return Source(
            state=self.setting.session.state,
            living=lambda _token: self.setting.session,
            declared=lambda _token: self.setting.session,
            resetting=lambda _token: self.setting.session,
            examine=lambda: (Check(subject="memory", level=Level.FINDING, text="<b>little</b>", fix="end programs"),),
            secrets=lambda _state: self.secrets,
            verb=self._verb,
            processes=self.setting.processes,
        )

    def _verb(self, words: Sequence[str]) -> Command:
        self.verbs.append(tuple(words))
        return Command(argv=("bootstrap", *words))

    @property
    def looks(self) -> Looks:
        return Looks(self.source, self.cancel)

    @property
    def guard(self) -> Guard:
        return guarded_app(self.source, self.cancel, token="the-token", port=PORT)

    @property
    def browser(self) -> Browser:
        guard = self.guard
        return Browser(guard, {"host": HOST, "cookie": f"{guard.cookie}={guard.admission}"})
