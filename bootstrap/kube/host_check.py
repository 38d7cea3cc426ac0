"""Whether host names are answered through the cluster's ingress controller, and what is missing where not."""

import http.client
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import KubeContext, Manifest, mapping_in, mappings_in
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

_LOOPBACK = "127.0.0.1"
_ASK_SECONDS = 1.0
_LOOK_SECONDS = 5.0
_AT_ONCE = 8
_CLASS = "kubernetes.io/ingress.class"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the cluster knows of its ingresses."""

    ingresses: Sequence[Manifest] = ()
    classes: frozenset[str] = frozenset()
    ready: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """By namespace and name of a Service: whether anything answers behind it."""


class IngressAnswers:
    """Asks host names on this machine's port, as a browser would."""

    def __init__(self, processes: Processes) -> None:
        self._clusters = Clusters(processes)

    def hosts(self, kube: KubeContext, cancel: CancelToken) -> Sequence[str]:
        """Those of every Ingress in the cluster."""
        listed = self._clusters.api(kube, cancel).get("/apis/networking.k8s.io/v1/ingresses", cancel) or {}
        return tuple(dict.fromkeys(host for ingress in listed.get("items") or () for host in hosts_of(ingress)))

    def __call__(self, hosts: Sequence[str], port: int, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """What is missing for each host, in one sentence; empty for one that is answered."""
        if not hosts:
            return {}
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="urls") as pool:
            statuses = dict(zip(hosts, pool.map(lambda host: status_of(host, port), hosts), strict=True))
        if all(status is not None and status < http.client.BAD_REQUEST for status in statuses.values()):
            return dict.fromkeys(hosts, "")
        try:
            rules = read_rules(self._clusters.api(kube, cancel), hosts, cancel.within(_LOOK_SECONDS, "the ingresses"))
        except BootstrapError as error:
            cancel.check()
            return {host: "" if status is not None else error.what for host, status in statuses.items()}
        return {host: lack_of(host, status, port, rules) for host, status in statuses.items()}


def status_of(host: str, port: int) -> int | None:
    """The HTTP status that this host's root is answered with on loopback; None without an answer within a second."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": f"{host}:{port}", "Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def lack_of(host: str, status: int | None, port: int, rules: Rules) -> str:
    """What keeps this host from being answered well; empty where its ingress controller answers for it. Pure."""
    if status is not None and status < http.client.BAD_REQUEST:
        return ""
    named = [ingress for ingress in rules.ingresses if host in hosts_of(ingress)]
    if not named:
        return f"no Ingress in the cluster has a rule for {host}"
    if silent := next((lack for ingress in named if (lack := _unready_backend(ingress, host, rules))), ""):
        return silent if status is not None else f"{_no_controller(named[0], port, rules)}; {silent}"
    if status == http.client.NOT_FOUND and (absent := _absent_class(named, rules)):
        return absent
    # An answer of the controller is an answer: what it says is the application's.
    return "" if status is not None else _no_controller(named[0], port, rules)


def hosts_of(ingress: Manifest) -> Iterator[str]:
    """The host names of an Ingress' rules."""
    return (str(rule["host"]) for rule in mappings_in(ingress, "spec", "rules") if rule.get("host"))


def read_rules(api: KubeApi, hosts: Iterable[str], cancel: CancelToken) -> Rules:
    """What the cluster knows of these hosts.

    Raises:
        BootstrapError: the API server does not answer.
    """
    asked_hosts = frozenset(hosts)
    listed = (api.get("/apis/networking.k8s.io/v1/ingresses", cancel) or {}).get("items") or ()
    ingresses = [ingress for ingress in listed if asked_hosts & {*hosts_of(ingress)}]
    classes = (api.get("/apis/networking.k8s.io/v1/ingressclasses", cancel) or {}).get("items") or ()
    services = {service for ingress in ingresses for host in hosts_of(ingress) for service in _backends(ingress, host)}
    return Rules(
        ingresses=ingresses,
        classes=frozenset(str(mapping_in(item, "metadata").get("name")) for item in classes),
        ready={service: _is_ready(service, api, cancel) for service in services},
    )


def _unready_backend(ingress: Manifest, host: str, rules: Rules) -> str:
    for namespace, name in _backends(ingress, host):
        if rules.ready.get((namespace, name)) is False:
            return f"the backend of {host} is not ready: Service {namespace}/{name} has no ready endpoint"
    return ""


def _absent_class(ingresses: Sequence[Manifest], rules: Rules) -> str:
    """That no controller takes these, since their class does not exist: a controller answers 404 for its host then."""
    names = [str(mapping_in(ingress, "spec").get("ingressClassName") or "") for ingress in ingresses]
    if not rules.classes or any(not name or name in rules.classes for name in names):
        return ""
    return f"no ingress controller of class {names[0]} is installed; there is {', '.join(sorted(rules.classes))}"


def _no_controller(ingress: Manifest, port: int, rules: Rules) -> str:
    marks = mapping_in(ingress, "metadata", "annotations")
    named = mapping_in(ingress, "spec").get("ingressClassName") or marks.get(_CLASS)
    if not rules.classes:
        return f"no ingress controller is installed (nothing answers on port {port})"
    if named and named not in rules.classes:
        return f"no ingress controller of class {named} is installed; there is {', '.join(sorted(rules.classes))}"
    return f"the ingress controller of class {named or ', '.join(sorted(rules.classes))} does not answer on port {port}"


def _backends(ingress: Manifest, host: str) -> Iterator[tuple[str, str]]:
    namespace = str(mapping_in(ingress, "metadata").get("namespace"))
    for rule in mappings_in(ingress, "spec", "rules"):
        for path in mappings_in(rule, "http", "paths") if rule.get("host") == host else ():
            if name := mapping_in(path, "backend", "service").get("name"):
                yield namespace, str(name)


def _is_ready(service: tuple[str, str], api: KubeApi, cancel: CancelToken) -> bool:
    namespace, name = service
    selector = quote(f"kubernetes.io/service-name={name}")
    path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace)}/endpointslices?labelSelector={selector}"
    slices = (api.get(path, cancel) or {}).get("items") or ()
    endpoints = (endpoint for each in slices for endpoint in mappings_in(each, "endpoints"))
    return any(mapping_in(endpoint, "conditions").get("ready") is not False for endpoint in endpoints)
