"""Scripts with generated endpoints, profiles, hosts and proxies: not one request arrives at a decoy.

`BOOTSTRAP_TEST_SCRIPTS=500` runs as many; without it there are few, for CI.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.init_scripts import run
from bootstrap.seeds.init_scripts.guard.confinement import Guard
from bootstrap.seeds.init_scripts.run import ScriptRun, run_scripts
from bootstrap.seeds.init_scripts.scripts import single_script
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import is_free
from bootstrap.system.work import Work
from fakes.bench import Bench, running
from fakes.decoy import Decoy
from fakes.wandering_scripts import Wandering, wandering_scripts

pytestmark = pytest.mark.e2e

SCRIPTS = int(os.environ.get("BOOTSTRAP_TEST_SCRIPTS", "16"))
LOCALSTACK_PORT = 4566
BATCH = 8
"""So many are tried before the decoys are looked at: a failure names few scripts."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver.MINISTACK, tmp_path_factory.mktemp("ministack")) as endpoint_:
        yield endpoint_


@pytest.fixture(scope="module")
def decoys() -> Iterator[list[Decoy]]:
    """Two that must hear nothing; one of them where everybody expects LocalStack, if nobody else is there."""
    new_decoys = [Decoy(LOCALSTACK_PORT if is_free(LOCALSTACK_PORT) else 0), Decoy()]
    yield new_decoys
    for decoy in new_decoys:
        decoy.stop()


@pytest.fixture(scope="module")
def guards() -> list[Guard]:
    """Those that this system has, and none."""
    processes, work = SystemProcesses(SystemClock()), Work(CancelToken(SystemClock()))
    return [guard for guard in Guard if guard is Guard.NONE or run.holds(guard, processes, work)]


@pytest.mark.parametrize("first", range(0, SCRIPTS, BATCH))
def test_no_request_arrives_at_a_decoy(
    endpoint: EmulatorEndpoint,
    decoys: list[Decoy],
    guards: list[Guard],
    first: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(endpoint=endpoint, folder=tmp_path)
    bench.empty()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    how = ScriptRun(endpoint=endpoint, processes=SystemProcesses(SystemClock()), logs=tmp_path / "logs")
    ports = [decoy.server_address[1] for decoy in decoys]
    scripts = wandering_scripts(SCRIPTS, ports)[first : first + BATCH]
    for decoy in decoys:
        decoy.seen.clear()
    lost: list[str] = []
    for number, script in enumerate(scripts):
        guard = guards[(first // BATCH + number) % len(guards)]
        monkeypatch.setattr(run, "strongest_guard", lambda *_, guard=guard: guard)
        ran = _ran(script, how, tmp_path)
        seen = [seen for decoy in decoys for seen in decoy.seen]
        assert seen == [], f"{guard}: {script.text}"
        if script.reaches and (not ran or script.queue not in _queues(bench)):
            log = tmp_path / "logs" / f"{script.name}.log"
            lost.append(f"{guard}: {script.text}{log.read_text() if log.exists() else 'refused'}")
    assert lost == []


def _ran(script: Wandering, how: ScriptRun, folder: Path) -> bool:
    """Whether it ran and ended well; one that was refused before has run nothing."""
    file = folder / "scripts" / script.name
    file.parent.mkdir(exist_ok=True)
    file.write_text(script.text)
    try:
        return not run_scripts([single_script(file)], how, Work(CancelToken(SystemClock()))).failures
    except InvalidError:
        return False


def _queues(bench: Bench) -> set[str]:
    return {url.rpartition("/")[2] for url in bench.client("sqs").list_queues().get("QueueUrls", ())}
