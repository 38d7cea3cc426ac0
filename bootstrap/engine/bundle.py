"""All that `up` fetches, as one file; and `up` with what is here and in such a file alone."""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.engine.locked_run import note
from bootstrap.engine.obtain import definitions_of, prepare_all
from bootstrap.engine.plan import failures_of
from bootstrap.engine.session import RunOptions, Session
from bootstrap.errors import InvalidError, RefusedError, raise_all
from bootstrap.model.bundle import BundleHead, Lacking, items_text
from bootstrap.model.event import Emit
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Release, UnknownChart
from bootstrap.plan.manifest_images import always_pulled, images_in
from bootstrap.plan.units import Units, cut
from bootstrap.state.bundle_file import read_head, unpack_bundle, write_bundle
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.work import Work

_READERS = ("kubectl", "helm")
"""Without these, the charts and images of a repository are not known."""
_SCRATCH = "bundle"


class MissingError(RefusedError):
    """`up --offline` lacks something; every line of the evidence is one thing, and all of them are shown."""

    shown_lines = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """What a stack will install."""

    units: Units
    prepared: Mapping[str, PreparedRelease]

    @property
    def releases(self) -> tuple[Release, ...]:
        return tuple(release for release in self.units.releases if not isinstance(release.chart, UnknownChart))


def create_bundle(session: Session, file: Path, work: Work) -> BundleHead:
    """Write everything that the stack's `up` fetches into the file, fetching what is not here.

    Raises:
        InvalidError: the repository is wrong.
        RefusedError: something cannot be had.
    """
    folder = file.with_name(f".{file.name}.folder")
    # A killed run left it.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        private_folder(folder)
        wanted = _wanted(session, work, pull=True)
        programs = session.ports.programs.save(folder, work)
        charts = session.ports.charts.save(wanted.releases, folder)
        bundled, images = session.ports.bundled_images, _images(session, wanted)
        _build(session, images, work)
        saved = () if bundled is None else bundled.save((*bundled.own, *images), folder, work)
        head = BundleHead(
            stack=session.stack.name,
            provider=session.stack.cluster.provider.value,
            platform=session.ports.programs.platform,
            items=(*programs, *charts, *saved),
        )
        work.notify(f"writing {file}")
        write_bundle(file, folder, head, work.cancel)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return head


def _build(session: Session, images: Collection[str], work: Work) -> None:
    """Build those of the stack's own images that are among these and not on the engine."""
    builds = session.ports.builds
    wanted = [] if builds is None else [image for image in builds.declared if image.reference in images]
    if builds is None or not wanted:
        return
    built = builds.built(work.cancel)
    for image in wanted:
        if image.reference not in built:
            builds.build(image, work)


def supply(session: Session, how: RunOptions, emit: Emit, cancel: CancelToken) -> None:
    """Bring what is missing here out of the bundle that `how` names, if it names one.

    Raises:
        MissingError: with `offline`, something is still missing; names all of it. Nothing was started.
        RefusedError: the bundle is damaged, or of another kind of machine.
    """
    if how.bundle is None and not how.offline:
        return
    missing = lacking(session, cancel)
    if missing and how.bundle is not None:
        _load(session, how.bundle, emit, cancel)
        missing = lacking(session, cancel)
    if missing and how.offline:
        raise MissingError(
            f"not on this machine, and --offline fetches nothing: {len(missing)} missing",
            evidence=[str(each) for each in missing],
            fix=f"run these while there is a network; or on another machine: bootstrap bundle create FILE "
            f"{session.stack.typed}, and here: bootstrap up --offline --bundle FILE",
        )


def lacking(session: Session, cancel: CancelToken) -> tuple[Lacking, ...]:
    """Everything that `up` would fetch or that a node would pull; fetches nothing."""
    programs = session.ports.programs.missing()
    lines = [Lacking(what=f"program {name}", command=f"bootstrap tools fetch {name}") for name in programs]
    wanted = None
    if not set(programs) & set(_READERS):
        wanted = _wanted(session, Work(cancel), pull=False)
        lines += _lacking_charts(session, wanted)
    lines += _lacking_images(session, wanted, cancel)
    return tuple(lines)


def stack_images(session: Session, work: Work) -> tuple[str, ...]:
    """The images of everything that is installed, each once; fetches nothing."""
    return tuple(_distinct(_images(session, _wanted(session, work, pull=False))))


def _lacking_charts(session: Session, wanted: _Wanted) -> Iterator[Lacking]:
    for release in wanted.releases:
        prepared = wanted.prepared[release.id]
        if prepared.chart_digest is None and prepared.failure is None:
            command = f"bootstrap images {session.stack.typed} (which images it needs is known then)"
            yield Lacking(what=f"chart of {release.id}", command=command)


def _lacking_images(session: Session, wanted: _Wanted | None, cancel: CancelToken) -> Iterator[Lacking]:
    ports = session.ports
    if ports.bundled_images is None:
        return
    images = list(ports.bundled_images.lacking(_distinct(ports.bundled_images.own), cancel))
    if wanted is not None and ports.images is not None:
        images += ports.images.lacking(_distinct(_images(session, wanted)), cancel)
    built = frozenset[str]() if ports.builds is None else ports.builds.references
    for image in images:
        command = f"bootstrap up {session.stack.typed}, which builds it" if image in built else f"docker pull {image}"
        yield Lacking(what=f"image {image}", command=command)
    for step, image in () if wanted is None or ports.images is None else always_pulled(wanted.units, wanted.prepared):
        yield Lacking(
            what=f"image {image} of {step}, which nodes ask its registry for at every start",
            command="set imagePullPolicy: IfNotPresent, or name a tag other than latest",
        )


def _images(session: Session, wanted: _Wanted) -> Sequence[str]:
    """The images of containers; none if the pods are simulated."""
    if session.ports.images is None:
        return ()
    return tuple(image for _, image in images_in(wanted.units, wanted.prepared))


def _wanted(session: Session, work: Work, *, pull: bool) -> _Wanted:
    repo = session.ports.repository.read(work.cancel)
    if repo.problems:
        raise InvalidError(repo.problems)
    units, definitions = cut(session.stack, repo), definitions_of(repo)
    if pull:
        ready = prepare_all(session, units.releases, definitions, work)
        raise_all(failures_of(repo, ready))
        return _Wanted(units=units, prepared={each.release.id: each for each in ready})
    prepared = session.ports.charts.prepare(units.releases, work.cancel, definitions=definitions)
    return _Wanted(units=units, prepared=prepared)


def _load(session: Session, file: Path, emit: Emit, cancel: CancelToken) -> None:
    head, ports = read_head(file), session.ports
    if head.platform != ports.programs.platform:
        raise RefusedError(
            f"{file} is for {head.platform}, this machine is {ports.programs.platform}",
            fix=f"create it on a machine like this one: bootstrap bundle create FILE {session.stack.typed}",
        )
    folder = session.state.folder / _SCRATCH
    # A killed run left it.
    shutil.rmtree(folder, ignore_errors=True)
    note(session, emit, f"unpacking {file}")
    try:
        unpack_bundle(file, private_folder(folder), cancel)
        ports.programs.load(folder, Work(cancel))
        ports.charts.load(cut(session.stack, ports.repository.read(cancel)).releases, folder)
        if ports.bundled_images is not None:
            ports.bundled_images.load(folder, Work(cancel))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    note(session, emit, f"brought out of {file}: {items_text(head.items)}")


def _distinct(images: Sequence[str]) -> Sequence[str]:
    return tuple(dict.fromkeys(images))
