"""What goes with a cluster and is nobody's declaration."""

from collections.abc import Mapping
from typing import Any, cast

from bootstrap.kube.api import KubeApi
from bootstrap.kube.losses import cluster_losses
from bootstrap.model.labels import OWNER
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock


class Lists:
    """An API server that knows lists."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self.lists = lists

    def get(self, path: str, cancel: CancelToken) -> Mapping[str, Any] | None:
        cancel.check()
        items = self.lists.get(path.rpartition("/")[2])
        return None if items is None else {"items": items}


def named(name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    where = {} if namespace is None else {"namespace": namespace}
    rest = {key: fields.pop(key) for key in ("type",) if key in fields}
    return {"metadata": {"name": name, **where, **fields}, **rest}


def counted(**lists: list[dict[str, Any]]) -> tuple[str, ...]:
    api = cast("KubeApi", Lists(**lists))
    return cluster_losses(api, "dev-1", ["apps/web"], CancelToken(FakeClock()))


def test_an_empty_cluster_loses_nothing() -> None:
    assert counted(namespaces=[named("default"), named("kube-system")]) == ()


def test_what_others_put_there_is_counted() -> None:
    assert counted(
        namespaces=[named("default"), named("theirs"), named("ours", labels={OWNER: "dev-1"})],
        configmaps=[named("mine", "default"), named("kube-root-ca.crt", "theirs")],
        deployments=[named("web", "theirs"), named("db", "theirs")],
        persistentvolumeclaims=[named("data", "theirs")],
    ) == (
        "1 namespace that nobody declares",
        "4 objects that nobody declares",
        "1 volume with what is in it",
    )


def test_what_the_stack_its_releases_and_kubernetes_itself_put_there_is_not() -> None:
    release = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "apps"}
    assert (
        counted(
            services=[named("kubernetes", "default"), named("web", "apps", annotations=release)],
            secrets=[named("sh.helm.release.v1.web.v1", "apps", type="helm.sh/release.v1")],
            configmaps=[named("declared", "default", labels={OWNER: "dev-1"}), named("coredns", "kube-system")],
            pods=[named("web-1", "apps", ownerReferences=[{"kind": "ReplicaSet"}])],
        )
        == ()
    )


def test_volumes_count_whoever_declared_them() -> None:
    claims = [named(name, "apps", labels={OWNER: "dev-1"}) for name in ("a", "b")]
    assert counted(persistentvolumeclaims=claims) == ("2 volumes with what is in them",)
