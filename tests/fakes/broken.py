"""Workloads that never become ready, each for a reason of its own, and some that only take their time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakes.docker_project import EMULATOR

GONE = "127.0.0.1:9/nobody/none:1"
"""An image behind a port that nothing listens on."""
PYTHON = EMULATOR
"""The image here that has a Python."""
PLANTED = "planted-4711-secret"
"""A secret that a container prints."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The objects of one release, and what is to be said of it."""

    objects: tuple[Mapping[str, Any], ...]
    cause: str
    fix: str
    evidence: str = ""


def container(program: str = "", **fields: Any) -> dict[str, Any]:
    """One that runs this Python program."""
    command = {"command": ["python3", "-u", "-c", program]} if program else {}
    return {"name": "main", "image": PYTHON, **command, **fields}


def deployment(*containers: Mapping[str, Any], namespace: str | None = None, **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers), **spec}}
    where = {} if namespace is None else {"namespace": namespace}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", **where},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def small(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}


def _claiming(storage_class: str) -> tuple[Mapping[str, Any], ...]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "storageClassName": storage_class,
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return small("PersistentVolumeClaim", "data", spec=spec), deployment(container(_WAITS), volumes=volumes)


_WAITS = "import time; time.sleep(3600)"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_HOOK = {"helm.sh/hook": "pre-install", "helm.sh/hook-delete-policy": "before-hook-creation,hook-failed"}
_FAR_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "far"},
    "provisioner": "far.example.com/csi",
}

BROKEN: Mapping[str, Broken] = {
    "registry": Broken(
        objects=(deployment(container(image=GONE)),),
        cause=f"image {GONE} cannot be pulled: its registry cannot be reached",
        evidence="connection refused",
        fix=f"bootstrap load {GONE}",
    ),
    "name": Broken(
        objects=(deployment(container(image="Not/Lower:1")),),
        cause='"Not/Lower:1" is not a valid image name',
        fix="all lower case",
    ),
    "never": Broken(
        objects=(deployment(container(image="local/only:1", imagePullPolicy="Never")),),
        cause="image local/only:1 is not on the node, and imagePullPolicy Never forbids pulling it",
        fix="bootstrap load local/only:1",
    ),
    "crash": Broken(
        objects=(
            deployment(
                container(
                    "import os; print('no database', os.environ['DB_PASSWORD']); raise SystemExit(3)",
                    env=[{"name": "DB_PASSWORD", "value": PLANTED}],
                )
            ),
        ),
        cause="container main ends with exit code 3, 3rd start",
        evidence="no database",
        fix="logs web-",
    ),
    "init": Broken(
        objects=(
            deployment(
                container(_WAITS),
                initContainers=[{**container("print('no schema'); raise SystemExit(4)"), "name": "migrate"}],
            ),
        ),
        cause="init container migrate ends with exit code 4",
        evidence="no schema",
        fix="-c migrate --previous",
    ),
    "memory": Broken(
        objects=(
            deployment(
                container("held = [bytearray(1 << 20) for _ in range(512)]", resources={"limits": {"memory": "48Mi"}})
            ),
        ),
        cause="container main was killed: out of memory at its limit of 48Mi",
        fix="raise resources.limits.memory of main above 48Mi",
    ),
    "hook": Broken(
        objects=(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "migrate", "annotations": _HOOK},
                "spec": {
                    "backoffLimit": 0,
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [container("import time; time.sleep(3); print('bad'); raise SystemExit(5)")],
                        }
                    },
                },
            },
        ),
        cause="container main ends with exit code 5",
        evidence="bad",
        fix="",
    ),
    "cpu": Broken(
        objects=(deployment(container(_WAITS, resources={"requests": {"cpu": "640"}})),),
        cause="1 Insufficient cpu",
        evidence="cpu: the pod asks 640; nodes have",
        fix="lower resources.requests.cpu",
    ),
    "selector": Broken(
        objects=(deployment(container(_WAITS), nodeSelector={"disk": "fast"}),),
        cause="didn't match Pod's node affinity/selector",
        fix="correct nodeSelector or affinity",
    ),
    "class": Broken(
        objects=_claiming("nowhere"),
        cause="claim class/data names the storage class nowhere, which does not exist",
        fix="set storageClassName to one that exists: far, standard",
    ),
    "provisioner": Broken(
        objects=(_FAR_CLASS, *_claiming("far")),
        cause="claim provisioner/data waits for far.example.com/csi (storage class far), which does not answer",
        fix="install that provisioner",
    ),
    "settings": Broken(
        objects=(
            deployment(
                container(_WAITS, volumeMounts=[{"name": "conf", "mountPath": "/conf"}]),
                volumes=[{"name": "conf", "configMap": {"name": "missing"}}],
            ),
        ),
        cause="ConfigMap settings/missing does not exist",
        fix="-n settings create configmap missing --from-literal=KEY=VALUE",
    ),
    "key": Broken(
        objects=(
            small("Secret", "db", stringData={"uri": "x", "user": "y"}),
            deployment(
                container(_WAITS, env=[{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}])
            ),
        ),
        cause="key url of Secret key/db does not exist; it has the keys uri, user",
        fix="describe secret db",
    ),
    "quota": Broken(
        objects=(
            small("ResourceQuota", "small", spec={"hard": {"pods": "0"}}),
            deployment(container(_WAITS)),
        ),
        cause="the pods of Deployment quota/web are refused: quota small: requested: pods=1, used: pods=0",
        fix="-n quota describe resourcequota small",
    ),
    "security": Broken(
        objects=(
            small("Namespace", "restricted") | {"metadata": {"name": "restricted", "labels": _RESTRICTED}},
            deployment(container(_WAITS), namespace="restricted"),
        ),
        cause="the pods of Deployment restricted/web are refused: Pod Security level restricted",
        evidence="allowPrivilegeEscalation",
        fix="label namespace restricted pod-security.kubernetes.io/enforce=privileged --overwrite",
    ),
    "account": Broken(
        objects=(deployment(container(_WAITS), serviceAccountName="robot"),),
        cause="ServiceAccount account/robot does not exist",
        fix="-n account create serviceaccount robot",
    ),
    "command": Broken(
        objects=(deployment({**container(), "command": ["/serve"]}),),
        cause="container main cannot be started: /serve: ",
        fix="has no /serve that can be executed",
    ),
}

_THIRD_TIME = (
    "import pathlib, time; file = pathlib.Path('/kept/starts'); "
    "starts = len(file.read_text()) if file.exists() else 0; file.write_text('x' * (starts + 1)); "
    "time.sleep(3600) if starts == 2 else exit(1)"
)
_PROBE = {"exec": {"command": ["test", "-f", "/run/ready"]}, "periodSeconds": 1}
SLOW: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "slow-init": (
        deployment(container(_WAITS), initContainers=[{**container("import time; time.sleep(40)"), "name": "prepare"}]),
    ),
    "slow-probe": (
        deployment(
            container(
                "import pathlib, time; time.sleep(40); pathlib.Path('/run/ready').touch(); time.sleep(3600)",
                readinessProbe=_PROBE,
            )
        ),
    ),
    # Its database is not there at first, as it thinks: it crashes twice.
    "slow-third": (
        deployment(
            container(_THIRD_TIME, volumeMounts=[{"name": "kept", "mountPath": "/kept"}]),
            volumes=[{"name": "kept", "emptyDir": {}}],
        ),
    ),
}
