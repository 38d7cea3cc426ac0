"""An emulator that has only some services: what is noted lives in one of those, and nothing else is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.export import export
from bootstrap.seeds.observe import Options
from bootstrap.seeds.services.registry import all_services
from fakes.bench import Bench
from fakes.emulator_containers import container

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

DECLARED = {
    "sqs": "sqs: {crate-q: {tags: {a: b}}}",
    "sns": "sns: {crate-t: {subscriptions: [{http: 'http://127.0.0.1:9/x'}]}}",
    "secretsmanager": "secretsmanager: {crate/s: {string: x}}",
    "dynamodb": "dynamodb: {crate-t: {keys: {partition: id}, items: [{id: a}]}}",
}


@pytest.fixture(scope="module", params=["s3,sqs,sns", "sqs,sns", "sns", "secretsmanager", "dynamodb,dynamodbstreams"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[EmulatorEndpoint]:
    with container(Driver.LOCALSTACK, SERVICES=request.param) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    return new_bench


def declared(bench: Bench) -> str:
    assert bench.endpoint.services is not None
    return "\n".join(text for service, text in DECLARED.items() if service in bench.endpoint.services)


def test_every_verb_works_with_what_is_switched_on(bench: Bench) -> None:
    bench.apply(declared(bench))
    bench.settled()
    files = export(bench.endpoint, all_services(), Options().covers, bench.cancel).files
    assert {name.partition(".")[0] for name in files if "/" not in name} == {
        service for service in DECLARED if bench.endpoint.services and service in bench.endpoint.services
    }
    bench.refresh()
    created = frozenset(change.id for change in bench.plan().resources)
    bench.write("sqs: {}")
    bench.prune(Options(only=created))  # by name: where nothing is declared, nothing else is pruned
    assert bench.plan().resources == ()


def test_data_that_was_lost_is_made_again(bench: Bench) -> None:
    bench.apply(declared(bench))
    before = bench.endpoint.incarnation
    bench.empty()
    changed = bench.apply().changed
    assert changed == len(bench.seeding().fixtures().by_id)
    # One that no service can keep is the emulator's start, which emptying does not change.
    assert (bench.endpoint.incarnation != before) is (bench.endpoint.services != frozenset({"sns"}))
    bench.settled()


def test_a_service_that_is_switched_off_is_named_with_the_emulators_setting(bench: Bench) -> None:
    assert bench.endpoint.services is not None
    off = next(service for service in DECLARED if service not in bench.endpoint.services)
    bench.write(DECLARED[off])
    with pytest.raises(RefusedError, match=rf"the service {off} is disabled in this localstack \(SERVICES=") as caught:
        bench.plan()
    assert str(caught.value.fix).startswith("start the emulator with SERVICES=")
    assert caught.value.evidence == (
        f"{bench.fixtures / 'fixtures.yaml'}:3: {next(iter(bench.seeding().fixtures().by_id))}",
    )
