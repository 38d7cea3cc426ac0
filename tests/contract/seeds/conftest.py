"""One emulator of each kind for a whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from fakes.bench import EVERYWHERE, Bench, running


@pytest.fixture(scope="session", params=EVERYWHERE, ids=str)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver(request.param), tmp_path_factory.mktemp(str(request.param))) as endpoint_:
        yield endpoint_


LACKS = {
    Driver.LOCALSTACK: {
        "test_functions": "without Docker's socket LocalStack neither runs, changes nor deletes functions",
        "test_every_setting_reads_back": "DynamoDB Local has no resource policies",
        "test_indexes_and_capacity_change_in_place": "DynamoDB Local answers InternalFailure to the change",
        "test_a_stream_changes_its_view": "LocalStack keeps the Kinesis stream of a stream that is switched off",
    }
}
"""What an emulator does not have, by module or test; the conformance suite holds all that it has."""


@pytest.fixture
def bench(request: pytest.FixtureRequest, endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    for name, why in LACKS.get(Driver(endpoint.driver), {}).items():
        if name in {request.path.stem, request.node.originalname}:
            pytest.skip(f"{endpoint.driver}: {why}")
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    return new_bench
