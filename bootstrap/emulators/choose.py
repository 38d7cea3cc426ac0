"""Which emulator a stack gets, once its provider and placement are decided."""

from collections.abc import Mapping

from bootstrap.clock import Clock
from bootstrap.containers.stack import StackOnDocker
from bootstrap.emulators.container import ContainerEmulator
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.endpoint import EndpointEmulator
from bootstrap.emulators.known import known_drivers
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.stack import Driver, EmulatorSpec, Placement, StatePaths
from bootstrap.process import Processes


def driver_of(spec: EmulatorSpec) -> EmulatorDriver:
    """The driver the stack names; `auto` is MiniStack."""
    return known_drivers()[Driver.MINISTACK if spec.driver is Driver.AUTO else spec.driver]


def emulator_for(
    stack_name: str,
    spec: EmulatorSpec,
    state: StatePaths,
    processes: Processes,
    clock: Clock,
    environment: Mapping[str, str],
) -> ProcessEmulator | EndpointEmulator | ContainerEmulator:
    """The emulator of the placements `process` (which `auto` means here), `container` and `endpoint`.

    Raises:
        InvalidError: another placement, or a driver that cannot run there.
    """
    match spec.placement:
        case Placement.PROCESS | Placement.AUTO:
            return ProcessEmulator(stack_name, spec, state, driver_of(spec), processes, clock)
        case Placement.ENDPOINT:
            return EndpointEmulator(spec)
        case Placement.CONTAINER:
            docker = StackOnDocker(state, environment)
            return ContainerEmulator(stack_name, spec, state, driver_of(spec), docker, processes)
        case Placement.CHART:
            problem = Problem(
                place=Place(file=stack_name, path="emulator.placement"),
                text="placement chart is not available yet",
            )
            raise InvalidError((problem,), fix="set emulator.placement to container (kind, k3d) or endpoint")
