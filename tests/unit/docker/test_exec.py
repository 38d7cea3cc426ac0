from dataclasses import dataclass, field
from typing import Any

from docker.models.containers import Container

from bootstrap.docker.exec import execute
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock


@dataclass
class Engine:
    """The exec of an engine that knows only at the last look how the program ended."""

    looks: list[int | None]
    began: list[Any] = field(default_factory=list)

    @property
    def api(self) -> "Engine":
        return self

    def exec_create(self, container: str, argv: list[str]) -> dict[str, str]:
        self.began.append((container, argv))
        return {"Id": "exec"}

    def exec_start(self, exec_id: str) -> bytes:
        assert exec_id == "exec"
        return b"all of it"

    def exec_inspect(self, exec_id: str) -> dict[str, int | None]:
        assert exec_id == "exec"
        return {"ExitCode": self.looks.pop(0)}


def test_an_engine_may_not_know_at_once_how_a_program_ended() -> None:
    engine = Engine(looks=[None, None, 3])
    machine = Container(attrs={"Id": "machine"}, client=engine)  # type: ignore[arg-type]  # stands in for it
    assert execute(machine, ("grep", "x"), CancelToken(FakeClock())) == (3, b"all of it")
    assert engine.began == [("machine", ["grep", "x"])]
