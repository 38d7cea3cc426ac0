import pytest

from bootstrap.emulators.drivers import localstack
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import RefusedError
from bootstrap.model.stack import Driver

MINISTACK = {"services": {"s3": "available"}, "edition": "light", "version": "1.5.33", "ready_scripts": {}}
LOCALSTACK = {"services": {"s3": "available"}, "edition": "community", "version": "4.14.0"}
FLOCI = {**LOCALSTACK, "original_edition": "floci-always-free", "version": "1.6.0"}
MOTO = {"batch": {"use_docker": True}, "lambda": {"use_docker": True}}


def test_every_driver_that_a_stack_can_name_is_known_in_that_order() -> None:
    assert list(all_drivers()) == [driver for driver in Driver if driver is not Driver.AUTO]


@pytest.mark.parametrize(
    ("health", "name"),
    [(MINISTACK, Driver.MINISTACK), (LOCALSTACK, Driver.LOCALSTACK), (FLOCI, Driver.FLOCI), (MOTO, Driver.MOTO)],
    ids=lambda value: str(value) if isinstance(value, Driver) else "",
)
def test_a_health_answer_is_recognised_by_its_own_driver_alone(health: dict[str, object], name: Driver) -> None:
    assert [driver.name for driver in all_drivers().values() if driver.identify(health)] == [name]


@pytest.mark.parametrize("health", [{}, {"status": "ok"}, {"services": []}, {"version": "4.14.0"}])
def test_other_answers_are_nobodys(health: dict[str, object]) -> None:
    assert not [driver.name for driver in all_drivers().values() if driver.identify(health)]


@pytest.mark.parametrize(
    "image",
    [
        "localstack/localstack:4.14.0",
        "localstack/localstack:4.14",
        "localstack/localstack:3.8.1",
        "localstack/localstack:4.14.0-arm64",
        "mirror.test:5000/localstack/localstack:4.9.2@sha256:abc",
    ],
)
def test_localstack_up_to_4_14_needs_no_token(image: str) -> None:
    localstack.check_image(image, {})


@pytest.mark.parametrize(
    "image",
    [
        "localstack/localstack",
        "localstack/localstack:latest",
        "localstack/localstack:4.14.1",
        "localstack/localstack:2026.3.0",
        "localstack/localstack@sha256:abc",
        "localstack/localstack-pro:4.0.0",
    ],
)
def test_a_later_localstack_is_refused_without_a_token_and_says_why(image: str) -> None:
    with pytest.raises(RefusedError, match=f"{image} does not start without LOCALSTACK_AUTH_TOKEN: 4.14.0 is") as error:
        localstack.check_image(image, {})
    assert error.value.fix == (
        "set emulator.image to localstack/localstack:4.14.0, set LOCALSTACK_AUTH_TOKEN, "
        "or use emulator.driver ministack"
    )
    localstack.check_image(image, {"LOCALSTACK_AUTH_TOKEN": "ls-x"})


def test_the_exit_code_of_a_missing_licence_is_explained() -> None:
    recipe = all_drivers()[Driver.LOCALSTACK].image
    assert recipe is not None
    assert "licence" in recipe.exit_codes[55]
