"""Renders everything that a stack would install, without a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bootstrap.engine.obtain import definitions_of, prepare_all
from bootstrap.engine.plan import failures_of
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Kustomization
from bootstrap.plan import ids
from bootstrap.plan.ids import find_step
from bootstrap.plan.units import Units, cut
from bootstrap.system.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """Everything that would be installed: Kustomizations and releases."""

    releases: tuple[PreparedRelease, ...]
    units: Units = field(default_factory=lambda: Units(listed=(), suspended=(), emulator=None))
    """The installed part: without suspended units and the release that the emulator replaces."""
    kustomizations: tuple[Kustomization, ...] = ()
    failures: tuple[BootstrapError, ...] = ()
    """The errors of those that are incomplete."""

    def plain(self, *, flux: bool) -> Iterator[tuple[str, Sequence[Manifest]]]:
        """The objects by Kustomization; with `flux` Flux objects too, such as HelmReleases."""
        for part in self.kustomizations:
            yield part.id, part.built if flux else part.objects


def render_all(session: Session, release: str | None, work: Work) -> Rendered:
    """Everything that a stack would install, or only the named release; missing charts are pulled first."""
    repo = session.ports.repository.read(work.cancel)
    definitions = definitions_of(repo)
    if release is not None:
        step = find_step(release, [ids.release(each.id) for each in repo.releases])
        named = tuple(each for each in repo.releases if ids.release(each.id) == step)
        repo = replace(repo, releases=named, kustomizations=())
    prepared = prepare_all(session, repo.releases, definitions, work)
    return Rendered(
        releases=prepared,
        units=cut(session.stack, repo),
        kustomizations=repo.kustomizations,
        failures=failures_of(repo, prepared),
    )
