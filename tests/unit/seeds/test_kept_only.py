"""What an emulator keeps but does not do is said before it runs, and why."""

from pathlib import Path

import pytest

from bootstrap.emulators.choose import capabilities_of
from bootstrap.model.stack import Driver, EmulatorSpec, Placement
from bootstrap.seeds.seeding import Seeding

FUNCTION = "lambda: {f: {source: fn.py, runtime: python3.12, handler: fn.handler}}"


def said(folder: Path, spec: EmulatorSpec, declared: str = FUNCTION) -> tuple[str, ...]:
    (folder / "fn.py").touch()
    (folder / "all.yaml").write_text(f"apiVersion: bootstrap.dev/v1\nkind: Seeds\n{declared}\n")
    capabilities = capabilities_of(spec)
    seeding = Seeding(
        owner="o", paths=[folder], state=folder, environment={}, driver=spec.driver.value, capabilities=capabilities
    )
    return seeding.kept_only()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (EmulatorSpec(driver=Driver.MOTO), "moto, which cannot run functions"),
        (
            EmulatorSpec(driver=Driver.LOCALSTACK, placement=Placement.CONTAINER),
            "localstack, which has no Docker engine to run them"
            " (emulator.dockerSocket: true gives it the one of this machine)",
        ),
    ],
)
def test_functions_that_will_not_run_are_named_with_the_reason(tmp_path: Path, spec: EmulatorSpec, why: str) -> None:
    assert said(tmp_path, spec) == (f"functions are created as declared but cannot run on {why}",)
    assert said(tmp_path, spec, "sqs: {q: {}}") == ()


@pytest.mark.parametrize(
    "spec",
    [
        EmulatorSpec(driver=Driver.MINISTACK),
        EmulatorSpec(driver=Driver.LOCALSTACK, placement=Placement.CONTAINER, docker_socket=True),
        EmulatorSpec(driver=Driver.LOCALSTACK, placement=Placement.ENDPOINT, endpoint="http://127.0.0.1:1"),
    ],
)
def test_nothing_is_said_of_one_that_runs_them_or_has_to_be_asked(tmp_path: Path, spec: EmulatorSpec) -> None:
    assert said(tmp_path, spec) == ()
