"""Which emulator a stack gets, once its provider and placement are decided."""

from collections.abc import Callable, Mapping

from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.emulators.container import ContainerEmulator
from bootstrap.emulators.container_state import ContainerState
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.dumped_state import DumpedState
from bootstrap.emulators.endpoint import EndpointEmulator
from bootstrap.emulators.in_cluster import ChartEmulator
from bootstrap.emulators.means import Means
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.emulators.process_state import ProcessState
from bootstrap.emulators.registry import all_drivers
from bootstrap.emulators.relocation import DeletedEmulator, MovedEmulator, left_placements
from bootstrap.model.observed import EmulatorRelease
from bootstrap.model.stack import Driver, EmulatorSpec, Placement
from bootstrap.ports import Emulator, NotSaved, SavedPart


def driver_of(spec: EmulatorSpec) -> EmulatorDriver:
    """The driver the stack names; `auto` is MiniStack."""
    return all_drivers()[Driver.MINISTACK if spec.driver is Driver.AUTO else spec.driver]


def image_of(spec: EmulatorSpec) -> str | None:
    """The image that it runs from; None: it is not a container of its own."""
    recipe = driver_of(spec).image
    if spec.placement is not Placement.CONTAINER or recipe is None:
        return None
    return spec.image or recipe.default


def capabilities_of(spec: EmulatorSpec) -> frozenset[str] | None:
    """What the stack's emulator will be able to do; None for one that runs already, which has to be asked."""
    if spec.placement is Placement.ENDPOINT:
        return None
    driver = driver_of(spec)
    by_socket = driver.image.by_socket if driver.image is not None and not spec.docker_socket else frozenset()
    return driver.capabilities - by_socket


def emulator_for(stack_name: str, spec: EmulatorSpec, means: Means) -> Emulator:
    """The emulator of the stack's placement, with what is to go of one that was elsewhere; `auto` means `process`.

    Raises:
        InvalidError: the driver cannot run there.
    """
    return _moved(stack_name, spec, means, _placed(stack_name, spec, means))


def emulator_of(stack_name: str, spec: EmulatorSpec, means: Means) -> Callable[[EmulatorRelease], Emulator] | None:
    """For the placement `chart`: the emulator that an installed release is."""
    if spec.placement is not Placement.CHART:
        return None

    def build(inside: EmulatorRelease) -> Emulator:
        emulator = ChartEmulator(spec, means.state, means.programs, means.processes, inside)
        return _moved(stack_name, spec, means, emulator)

    return build


def no_emulator(stack_name: str, means: Means) -> Emulator | None:
    """For a stack that declares none: what is left of one that it had; None: nothing."""
    former = _former(stack_name, means)
    return DeletedEmulator(former, means.state) if former else None


def saved_emulator(stack_name: str, spec: EmulatorSpec, means: Means) -> SavedPart | NotSaved:
    """The data of the stack's emulator: as the files that it keeps, or written down if it keeps none."""
    if left := [placement for placement in left_placements(means.state) if placement != spec.placement]:
        return NotSaved(f"its emulator moves from {left[0]} to {spec.placement} with the next up")
    driver = driver_of(spec)
    match spec.placement:
        case Placement.CHART | Placement.ENDPOINT:
            return NotSaved(f"the data of an emulator of placement {spec.placement} cannot be copied")
        case Placement.CONTAINER:
            if spec.persist and driver.image is not None and driver.image.saving is not None:
                return ContainerState(driver, StackOnDocker(means.state, means.environment))
        case Placement.PROCESS | Placement.AUTO:
            if spec.persist and driver.process is not None and driver.process.saves:
                return ProcessState(means.state, driver, means.processes)
    placement = Placement.CONTAINER if spec.placement is Placement.CONTAINER else Placement.PROCESS
    emulator = _placed(stack_name, spec, means)
    return DumpedState(driver, placement, emulator, means.state.folder.name)


def _moved(stack_name: str, spec: EmulatorSpec, means: Means, declared: Emulator) -> Emulator:
    former = {
        placement: emulator for placement, emulator in _former(stack_name, means).items() if placement != spec.placement
    }
    return MovedEmulator(declared, spec.placement, former, means.state) if former else declared


def _former(stack_name: str, means: Means) -> Mapping[Placement, Emulator]:
    left = left_placements(means.state)
    return {placement: _placed(stack_name, EmulatorSpec(placement=placement), means) for placement in left}


def _placed(stack_name: str, spec: EmulatorSpec, means: Means) -> Emulator:
    match spec.placement:
        case Placement.PROCESS | Placement.AUTO:
            return ProcessEmulator(stack_name, spec, driver_of(spec), means)
        case Placement.ENDPOINT:
            return EndpointEmulator(spec)
        case Placement.CONTAINER:
            docker = StackOnDocker(means.state, means.environment, ipv6=means.ipv6, mirrors=means.mirrors)
            return ContainerEmulator(stack_name, spec, means.state, driver_of(spec), docker, means.processes)
        case Placement.CHART:
            return ChartEmulator(spec, means.state, means.programs, means.processes)
