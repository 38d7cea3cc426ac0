"""What the pages can do: verbs of ours, started only after their plan was shown.

Each plan that is shown has a name that nobody can guess; whoever starts an action gives it back, once.
"""

import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bootstrap.console.results.plan import plan_text
from bootstrap.console.results.seeds import result_text
from bootstrap.engine.plan import plan_up
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.engine.snapshot import refuse_absent, reset_name, restore_plan
from bootstrap.engine.snapshot_keeper import SnapshotKeeper
from bootstrap.engine.up import flags_missing
from bootstrap.errors import BootstrapError, RefusedError, UsageError
from bootstrap.plan.select import targets
from bootstrap.seeds.observe import Options
from bootstrap.seeds.results import SeedResult
from bootstrap.seeds.seeding import Seeding
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.ui.data import endpoint_of
from bootstrap.ui.looks import Looks, masker_for
from bootstrap.ui.source import Source

_LINES = 200
"""Of what a verb prints that are kept."""
_KEPT = 20
"""Plans that were shown and may still be started."""
_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
VERBS: Mapping[str, tuple[str, ...]] = {
    "up": ("up", "--progress", "plain"),
    "seed apply": ("seed", "apply"),
    "seed refresh": ("seed", "refresh"),
    "repair": ("repair", "--progress", "plain"),
    "pause": ("pause",),
    "resume": ("resume", "--progress", "plain"),
    "reset": ("reset", "--progress", "plain"),
}
"""By action, the verb and its options."""


@dataclass(kw_only=True, slots=True)
class Started:
    """An action that was started from a page."""

    action: str
    lines: "deque[str]"
    exit_code: int | None = None
    """None: it goes on."""

    def to_json(self) -> dict[str, Any]:
        """`{"action", "lines", "exit_code"}`."""
        return {"action": self.action, "lines": list(self.lines), "exit_code": self.exit_code}


class Actions:
    """Shows plans, and starts one at a time of those that were shown."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._source = looks.source
        self._shown: dict[str, str] = {}
        self._started: Started | None = None
        self._lock = threading.Lock()

    def plan_json(self, action: str, cancel: CancelToken) -> dict[str, Any]:
        """`{"action", "command", "text", "plan"}`: what the action would do; `plan` is the name to start it with.

        Raises:
            UsageError: there is no such action.
            BootstrapError: it would be refused; nothing can be started.
        """
        if action not in VERBS:
            raise UsageError(f"there is no action {action}")
        text = _PLANS[action](self._looks, cancel)
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._shown[name] = action
            for old in list(self._shown)[:-_KEPT]:
                del self._shown[old]
        verb = " ".join(VERBS[action])
        return {
            "action": action,
            "command": f"bootstrap {verb}",
            "text": self._looks.latest.masker.mask(text),
            "plan": name,
        }

    def start(self, action: str, plan: str) -> dict[str, Any]:
        """Start an action whose plan was shown.

        Raises:
            RefusedError: its plan was not shown, or another action goes on.
        """
        with self._lock:
            if self._started is not None and self._started.exit_code is None:
                raise RefusedError(f"{self._started.action} goes on", fix="wait until it ends")
            if self._shown.pop(plan, None) != action:
                raise RefusedError(f"the plan of {action} was not shown", fix="show its plan first")
            self._started = Started(action=action, lines=deque(maxlen=_LINES))
            threading.Thread(target=self._perform, args=(self._started,), daemon=True).start()
            return self._started.to_json()

    def state_json(self) -> dict[str, Any]:
        """`{"started": …}`: the action that was started last; null: none was."""
        return {"started": None if self._started is None else self._started.to_json()}

    def _perform(self, started: Started) -> None:
        def heard(line: str) -> None:
            started.lines.append(self._looks.latest.masker.mask(_COLOR.sub("", line)))

        code = 1
        try:
            command = replace(self._source.verb(VERBS[started.action]), heard=heard)
            code = self._source.processes.run(command, self._looks.cancel, check=False).returncode
        except BootstrapError as error:
            heard(error.what)
        finally:
            started.exit_code = code


def _up(looks: Looks, cancel: CancelToken) -> str:
    session = looks.source.declared(cancel)
    missing = flags_missing(session)
    warning = f"warning: {missing}\n" if missing else ""
    return warning + _planned(looks.source, session, PlanOptions(), cancel)


def _revive(looks: Looks, cancel: CancelToken) -> str:
    session = looks.source.living(cancel)
    return _planned(looks.source, session, PlanOptions(only=targets(session.stack), start_only=True), cancel)


def _planned(source: Source, session: Session, options: PlanOptions, cancel: CancelToken) -> str:
    if missing := session.ports.programs.missing():
        return f"download what is not on this machine: {', '.join(missing)}\nthe plan can be shown once it is there\n"
    planning = plan_up(session, options, cancel)
    # The plan of another declaration may show other secrets than the look.
    masker = masker_for(source, session, planning, cancel)
    return masker.mask(plan_text(planning.plan))


def _pause(looks: Looks, cancel: CancelToken) -> str:
    session = looks.source.living(cancel)
    provider = session.stack.cluster.provider
    if not provider.on_docker:
        raise RefusedError(f"provider {provider} has no containers to stop")
    if not session.state.folder.exists():
        raise RefusedError(f"stack {session.stack.name} is not up", fix=f"run: {session.up_command}")
    return (
        f"stop the containers of stack {session.stack.name} on {provider}; resume starts them again with their data\n"
    )


def _reset(looks: Looks, cancel: CancelToken) -> str:
    session = looks.source.resetting(cancel)
    refuse_absent(session)
    name = reset_name(session)
    SnapshotKeeper(session).check_restore(name, cancel)
    return plan_text(restore_plan(name))


def _seed(verb: Callable[[Seeding], Callable[..., SeedResult]]) -> Callable[[Looks, CancelToken], str]:
    def planned(looks: Looks, cancel: CancelToken) -> str:
        look = looks.take()
        session, _ = look.ready()
        seeds = session.ports.seeds
        if not isinstance(seeds, Seeding):
            raise RefusedError(
                f"stack {session.stack.name} has no seeds", fix="name them in the stack file, under seeds"
            )
        result = verb(seeds)(endpoint_of(look), Work(cancel), Options(dry_run=True))
        return result_text(result)

    return planned


_PLANS: Mapping[str, Callable[[Looks, CancelToken], str]] = {
    "up": _up,
    "seed apply": _seed(lambda seeds: seeds.apply_fixtures),
    "seed refresh": _seed(lambda seeds: seeds.refresh),
    "repair": _revive,
    "pause": _pause,
    "resume": _revive,
    "reset": _reset,
}
