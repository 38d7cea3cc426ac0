"""What an emulator holds beside the fixtures is counted, and nothing of it is written."""

import pytest

from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.undeclared_resources import count_undeclared
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

FIXTURES = "s3: {artefacts: {}}\nsqs: {orders: {}}\n"


def test_what_no_fixture_declares_is_counted(bench: Bench) -> None:
    bench.write(FIXTURES)
    bench.apply()
    declared = tuple(bench.seeding().fixtures().by_id)
    cancel = bench.cancel
    assert count_undeclared(bench.endpoint, all_services(), declared, cancel) == 0
    bench.client("s3").create_bucket(Bucket="theirs")
    bench.client("sqs").create_queue(QueueName="theirs")
    assert count_undeclared(bench.endpoint, all_services(), declared, cancel) == 2
    assert count_undeclared(bench.endpoint, all_services(), (), cancel) == 4
