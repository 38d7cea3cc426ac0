from typing import Any

from bootstrap.clusters.kwok.api import Api
from bootstrap.clusters.kwok.default_objects import (
    create_default_objects,
    identity,
    machines,
    missing,
    node_manifest,
    node_names,
    storage_class_manifest,
    volume_manifest,
    volume_names,
)
from bootstrap.model.labels import SIMULATED

NODES = "/api/v1/nodes"
TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


class MemoryApi(Api):
    """Keeps objects by path, and remembers every write."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []

    def get(self, path: str) -> Any:
        plain, _, selector = path.partition("?")
        if plain not in {NODES, "/api/v1/persistentvolumes"}:
            return self.objects.get(plain)
        items = [each for place, each in self.objects.items() if place.rpartition("/")[0] == plain]
        chosen = [each for each in items if not selector or SIMULATED in each["metadata"].get("labels", {})]
        return {"items": chosen}

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        self.writes.append(f"create {manifest['kind']} {name}")
        self.objects[f"{path}/{name}"] = manifest

    def merge(self, path: str, patch: dict[str, Any]) -> None:
        self.writes.append(f"merge {path}")
        self.objects[path]["spec"].update(patch["spec"])

    def delete(self, path: str) -> None:
        self.writes.append(f"delete {path}")
        del self.objects[path]

    def set_ready(self, *names: str) -> None:
        for name in names:
            status = self.objects[f"{NODES}/{name}"]["status"]
            status["conditions"] = [{"type": "Ready", "status": "True"}]

    def begin(self) -> None:
        """What controllers do."""
        self.objects["/api/v1/namespaces/default/serviceaccounts/default"] = {}
        self.objects["/api/v1/namespaces/default/configmaps/kube-root-ca.crt"] = {}


def test_an_empty_cluster_is_furnished_once() -> None:
    api = MemoryApi()
    create_default_objects(api, 1, "1.34.4")
    assert api.writes[:3] == ["create Node control-plane", "create Node worker-1", "create StorageClass standard"]
    assert len(api.writes) == 3 + len(volume_names())
    api.writes.clear()
    create_default_objects(api, 1, "1.34.4")
    assert api.writes == []


def test_a_volume_that_was_deleted_comes_back() -> None:
    api = MemoryApi()
    create_default_objects(api, 0, "1.34.4")
    api.delete(f"/api/v1/persistentvolumes/{volume_names()[3]}")
    api.writes.clear()
    create_default_objects(api, 0, "1.34.4")
    assert api.writes == [f"create PersistentVolume {volume_names()[3]}"]


def test_machines_too_many_go_and_the_control_plane_takes_pods_again() -> None:
    api = MemoryApi()
    create_default_objects(api, 2, "1.34.4")
    assert api.objects[f"{NODES}/control-plane"]["spec"]["taints"] == [TAINT]
    create_default_objects(api, 0, "1.34.4")
    assert list(machines(api)) == ["control-plane"]
    assert api.objects[f"{NODES}/control-plane"]["spec"]["taints"] == []
    create_default_objects(api, 1, "1.34.4")
    assert api.objects[f"{NODES}/control-plane"]["spec"]["taints"] == [TAINT]


def test_a_machine_that_someone_else_made_stays() -> None:
    api = MemoryApi()
    api.objects[f"{NODES}/theirs"] = {"metadata": {"name": "theirs"}, "spec": {}, "status": {}}
    create_default_objects(api, 0, "1.34.4")
    assert f"{NODES}/theirs" in api.objects
    assert list(machines(api)) == ["control-plane"]


def test_what_is_missing_is_named_in_order() -> None:
    api = MemoryApi()
    assert missing(api, 1) == "node control-plane is not Ready"
    create_default_objects(api, 1, "1.34.4")
    api.set_ready("control-plane")
    assert missing(api, 1) == "node worker-1 is not Ready"
    api.set_ready("worker-1")
    assert missing(api, 1) == "default is not in namespace default"
    api.begin()
    assert missing(api, 1) == ""


def test_the_identity_is_the_uid_of_kube_system() -> None:
    api = MemoryApi()
    assert identity(api) is None
    api.objects["/api/v1/namespaces/kube-system"] = {"metadata": {"uid": "u"}}
    assert identity(api) == "u"


def test_a_machine_says_that_it_is_simulated() -> None:
    node = node_manifest("worker-1", "1.34.4", 1)
    assert node["status"]["nodeInfo"] == {"kubeletVersion": "v1.34.4", "osImage": "simulated by kwok"}
    assert node["metadata"]["labels"][SIMULATED] == "true"
    assert node["spec"]["taints"] == []
    assert node_names(2) == ("control-plane", "worker-1", "worker-2")


def test_claims_of_the_default_class_bind_to_volumes_that_are_there() -> None:
    standard = storage_class_manifest()
    assert standard["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert standard["volumeBindingMode"] == "Immediate"
    volume = volume_manifest("simulated-01")
    assert volume["spec"]["storageClassName"] == standard["metadata"]["name"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert len(set(volume_names())) == 50
