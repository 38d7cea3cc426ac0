from collections.abc import Iterator

import pytest

from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.kube_api import FakeKubeApi, fake_kube_api


@pytest.fixture
def kube_api() -> Iterator[FakeKubeApi]:
    with fake_kube_api() as api:
        api.kinds["/apis/example.dev/v1"] = (("Widget", "widgets", True),)
        yield api


@pytest.fixture
def token() -> CancelToken:
    return CancelToken(FakeClock()).within(200, "the test")
