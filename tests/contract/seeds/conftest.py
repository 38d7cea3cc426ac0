"""One emulator of each kind for a whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from fakes.bench import EVERYWHERE, Bench, running


@pytest.fixture(scope="session", params=EVERYWHERE, ids=str)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver(request.param), tmp_path_factory.mktemp(str(request.param))) as found:
        yield found


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    made = Bench(endpoint=endpoint, folder=tmp_path)
    made.empty()
    return made
