"""What a container is given, as far as no engine is needed to tell."""

from bootstrap.emulators.driver import LAMBDA_INVOKE, PERSISTENCE
from bootstrap.emulators.registry import all_drivers
from bootstrap.model.stack import Driver


def test_every_driver_listens_inside_where_pods_look_for_it() -> None:
    images = [driver.image for driver in all_drivers().values() if driver.image is not None]
    assert len(images) == len(all_drivers())
    assert {image.port for image in images} == {4566}


def test_what_keeps_its_contents_is_told_where() -> None:
    saving = {name for name, driver in all_drivers().items() if driver.image is not None and driver.image.saving}
    assert saving == {name for name, driver in all_drivers().items() if PERSISTENCE in driver.capabilities}
    ministack = all_drivers()[Driver.MINISTACK].image
    assert ministack is not None
    assert ministack.saving is not None
    assert ministack.saving("/kept")["STATE_DIR"] == "/kept/state"


def test_localstack_listens_where_it_is_published_and_where_pods_look_for_it() -> None:
    recipe = all_drivers()[Driver.LOCALSTACK].image
    assert recipe is not None
    assert recipe.listening is not None
    assert recipe.listening(4566) == {"GATEWAY_LISTEN": "0.0.0.0:4566"}
    assert recipe.listening(4999) == {"GATEWAY_LISTEN": "0.0.0.0:4999,0.0.0.0:4566"}
    assert recipe.environment(4566, "us-east-1")["SQS_ENDPOINT_STRATEGY"] == "dynamic"


def test_localstack_runs_functions_with_the_socket_alone_on_its_own_network() -> None:
    recipe = all_drivers()[Driver.LOCALSTACK].image
    assert recipe is not None
    assert recipe.by_socket == {LAMBDA_INVOKE}
    assert recipe.with_socket is not None
    assert recipe.with_socket("net", "me") == {"LAMBDA_DOCKER_NETWORK": "net", "MAIN_CONTAINER_NAME": "me"}
