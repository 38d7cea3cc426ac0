"""The addresses of a stack on this machine, checked before they are shown."""

from collections.abc import Iterator, Sequence

from bootstrap.engine.plan import Planning
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.kube import KubeContext, mappings_in
from bootstrap.model.stack import Provider
from bootstrap.model.status import UrlStatus
from bootstrap.plan.desired import Desired
from bootstrap.system.clock import CancelToken

_LOOKS = 3
_PAUSE = 1.0
_SECONDS = 20.0


def urls_of(session: Session, planning: Planning, cancel: CancelToken) -> tuple[UrlStatus, ...]:
    """The emulator and every host name of an Ingress, with what is missing if it does not answer."""
    observed = planning.observed
    endpoint = None if observed.emulator is None else observed.emulator.endpoint
    emulator = () if endpoint is None else (UrlStatus(name="AWS", url=endpoint.url),)
    kube = observed.cluster.kube
    if kube is None:
        return emulator
    hosts = tuple(dict.fromkeys(_hosts(planning.desired)))
    return (*emulator, *_host_urls(session, hosts, kube, cancel))


def addresses(session: Session, cancel: CancelToken) -> Iterator[str]:
    """Right after `up`, a line for each host of an Ingress in its cluster: its address, or what is missing.

    A controller takes a moment to see a new rule. Of a cluster that was there before, only `status` asks.
    """
    within = cancel.within(_SECONDS, "the addresses")
    try:
        kube = session.ports.cluster.observe(within).kube
        if kube is None or kube.simulated or session.stack.cluster.provider is Provider.EXISTING:
            return
        hosts = session.ports.answers.hosts(kube, within)
        urls = _host_urls(session, hosts, kube, within)
        for _ in range(_LOOKS - 1):
            if any(url.problem for url in urls):
                within.sleep(_PAUSE)
                urls = _host_urls(session, hosts, kube, within)
    except BootstrapError as error:
        cancel.check()
        yield f"The addresses could not be read: {error.what}"
        return
    for url in urls:
        yield f"{url.name} is not answered: {url.problem}" if url.problem else f"{url.name}: {url.url}"


def _host_urls(session: Session, hosts: Sequence[str], kube: KubeContext, cancel: CancelToken) -> tuple[UrlStatus, ...]:
    """None where pods are simulated, since nothing listens there."""
    if kube.simulated or not hosts:
        return ()
    port = session.stack.cluster.ports.http
    problems = session.ports.answers(hosts, port, kube, cancel)
    return tuple(UrlStatus(name=host, url=f"http://{host}:{port}", problem=problems.get(host, "")) for host in hosts)


def _hosts(desired: Desired) -> Iterator[str]:
    """Every host name that an Ingress answers to."""
    plain = (manifest for part in desired.units.parts for manifest in part.objects)
    rendered = (manifest for prepared in desired.prepared.values() for manifest in prepared.manifests or ())
    for manifest in (*plain, *rendered):
        if manifest.get("kind") == "Ingress":
            yield from (str(rule["host"]) for rule in mappings_in(manifest, "spec", "rules") if rule.get("host"))
