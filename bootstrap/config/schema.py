"""The stack file: its fields, their defaults, and the JSON Schema for editors."""

import json
from typing import Any

from bootstrap.config.fields import (
    Choice,
    Field,
    Listed,
    NamedSections,
    Section,
    Text,
    TextMap,
    Truth,
    Whole,
    json_schema,
)
from bootstrap.model.labels import API_VERSION
from bootstrap.model.stack import ClusterSpec, Driver, EmulatorSpec, HostPorts, Placement, Profile, Provider

NAME = r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
"""Of a stack: it becomes part of the names of clusters, networks and folders."""

_VARIABLES = TextMap(key=r"[A-Za-z_][A-Za-z0-9_]*", what="a variable's name (letters, digits and _)")
_FEATURE_GATE = Text(
    pattern=r"[A-Za-z][A-Za-z0-9]*=(true|false)", what="a feature gate", example="InPlacePodVerticalScaling=true"
)
_MOUNT = Text(pattern=r"[^:]+:/[^:]*(:ro)?", what="a mount", example="./data:/data or ./data:/data:ro")
_PORT = Whole(least=1, most=65535)
_PORTS = HostPorts()
_CLUSTER = ClusterSpec()
_EMULATOR = EmulatorSpec()

_METADATA = Section(
    fields={
        "name": Field(
            kind=Text(pattern=NAME, what="a stack's name", example="lower case letters, digits and -, such as dev"),
            says="Name of the stack on this machine; default: the name of the file.",
        )
    }
)

_HOST_PORTS = Section(
    fields={
        "http": Field(
            kind=_PORT, says="Port on 127.0.0.1 for the ingress controller's HTTP entry.", default=_PORTS.http
        ),
        "https": Field(kind=_PORT, says="The same for HTTPS.", default=_PORTS.https),
    }
)

_CLUSTER_SECTION = Section(
    fields={
        "provider": Field(
            kind=Choice(words=tuple(Provider)),
            says="What creates the cluster; auto: kind if a Docker engine answers, else kwok.",
            default=_CLUSTER.provider.value,
        ),
        "kubernetes": Field(
            kind=Text(pattern=r"1\.[0-9]+(\.[0-9]+)?", what="a Kubernetes version", example="1.34"),
            says="The Kubernetes version.",
            default=_CLUSTER.kubernetes,
        ),
        "workers": Field(
            kind=Whole(least=0, most=50), says="Nodes besides the control plane.", default=_CLUSTER.workers
        ),
        "ports": Field(kind=_HOST_PORTS, says="Ports of this machine that lead to the ingress controller."),
        "image": Field(kind=Text(), says="Image of the nodes of a kind or k3d cluster."),
        "config": Field(kind=Text(), says="A native kind or k3d configuration file that is merged in."),
        "profile": Field(
            kind=Choice(words=tuple(Profile)),
            says="Settings of a kind or k3d cluster, beneath its config; fast: no leader election with one control "
            "plane, shorter waits of the kubelet; stock: as kind or k3d makes it.",
            default=_CLUSTER.profile.value,
        ),
        "featureGates": Field(
            kind=Listed(of=_FEATURE_GATE), says="Kubernetes' feature gates of a kind or k3d cluster.", default=[]
        ),
        "mounts": Field(
            kind=Listed(of=_MOUNT),
            says="Folders of this machine mounted into every node of a kind or k3d cluster; relative to this file.",
            default=[],
        ),
        "bake": Field(
            kind=Truth(),
            says="Provider kind: whether up makes a node image that has the stack's images, for the next cluster.",
            default=_CLUSTER.bake,
        ),
        "context": Field(kind=Text(), says="Provider existing: the context in your kubeconfig."),
        "uid": Field(
            kind=Text(
                pattern=r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                what="a UID",
                example="what `kubectl get namespace kube-system -o jsonpath={.metadata.uid}` prints",
            ),
            says="Provider existing: UID of the cluster's kube-system namespace, the proof that it is this cluster.",
        ),
    }
)

_EMULATOR_SECTION = Section(
    absent=True,
    fields={
        "driver": Field(
            kind=Choice(words=tuple(Driver)),
            says="Which AWS emulator; auto: ministack, or localstack with placement chart.",
            default=_EMULATOR.driver.value,
        ),
        "placement": Field(
            kind=Choice(words=tuple(Placement)),
            says="Where it runs; auto: a process beside kwok, a container beside kind and k3d.",
            default=_EMULATOR.placement.value,
        ),
        "release": Field(
            kind=Text(
                pattern=r"auto|[a-z0-9.-]+/[a-z0-9.-]+",
                what="a HelmRelease",
                example="NAMESPACE/NAME or auto",
            ),
            says="The HelmRelease it stands for; auto: the only one whose chart is localstack.",
            default=_EMULATOR.release,
        ),
        "region": Field(
            kind=Text(pattern=r"[a-z]{2,}(-[a-z]+)+-[0-9]+", what="an AWS region", example="us-east-1"),
            says="The AWS region.",
            default=_EMULATOR.region,
        ),
        "port": Field(
            kind=Whole(least=0, most=65535),
            says="Port on 127.0.0.1; 0: 4566 if it is free, else any other, which is remembered.",
            default=_EMULATOR.port,
        ),
        "image": Field(kind=Text(), says="The emulator's image, instead of the driver's own."),
        "endpoint": Field(
            kind=Text(pattern=r"https?://[^\s/]+/?", what="an address", example="http://127.0.0.1:4566"),
            says="Placement endpoint: where the emulator is.",
        ),
        "persist": Field(kind=Truth(), says="Whether its contents are kept when it stops.", default=_EMULATOR.persist),
        "dockerSocket": Field(
            kind=Truth(),
            says="Placement container: whether LocalStack is given the Docker socket, which its functions need to run.",
            default=_EMULATOR.docker_socket,
        ),
    },
)

_SOURCE_SECTION = Section(
    fields={
        "root": Field(
            kind=Text(),
            says="The repository; paths of Flux Kustomizations are relative to it. Relative to this file.",
            default=".",
        ),
        "path": Field(kind=Text(), says="The entry, relative to root.", required="clusters/stages/dev"),
        "substitute": Field(kind=_VARIABLES, says="Values for ${name}, over those of the repository."),
        "strictSubstitution": Field(
            kind=Truth(),
            says="Whether a ${name} without value or default is an error, as in Flux 2.9; false: it becomes empty.",
            default=True,
        ),
    }
)

_IMAGE_SECTION = Section(
    fields={
        "build": Field(kind=Text(), says="The folder it is built from; relative to this file."),
        "dockerfile": Field(
            kind=Text(),
            says="The Dockerfile, relative to build; without build relative to this file, and its folder is built of. "
            "Without it: Dockerfile.",
        ),
        "target": Field(kind=Text(), says="The stage to build, instead of the last."),
        "args": Field(kind=_VARIABLES, says="Build arguments."),
        "platforms": Field(
            kind=Listed(of=Text(pattern=r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?", what="a platform", example="linux/amd64")),
            says="Platforms instead of the engine's own.",
        ),
    }
)

_SNAPSHOT_SECTION = Section(
    fields={
        "afterUp": Field(
            kind=Truth(),
            says="Whether up saves the snapshot after-up when it ends well; reset restores it.",
            default=False,
        )
    }
)

STACK = Section(
    fields={
        "apiVersion": Field(
            kind=Choice(words=(API_VERSION,)), says="The version of this format.", required=API_VERSION
        ),
        "kind": Field(kind=Choice(words=("Stack",)), says="What this file is.", required="Stack"),
        "metadata": Field(kind=_METADATA, says="About the stack."),
        "cluster": Field(kind=_CLUSTER_SECTION, says="The cluster."),
        "emulator": Field(kind=_EMULATOR_SECTION, says="The AWS emulator; false: none."),
        "seeds": Field(
            kind=Listed(of=Text()),
            says="Seed files and folders, relative to this file.",
            default=[],
        ),
        "source": Field(kind=_SOURCE_SECTION, says="The Flux repository on disk."),
        "images": Field(
            kind=NamedSections(
                of=_IMAGE_SECTION,
                key=r"[a-z0-9]+([._:/-]+[a-z0-9]+)*",
                what="the name of an image without a tag (lower case letters, digits, and . _ - / between them)",
            ),
            says="Images that the stack builds itself, by the name that manifests use.",
        ),
        "variables": Field(kind=_VARIABLES, says="Values for ${name} in seeds and, over source.substitute, manifests."),
        "snapshot": Field(kind=_SNAPSHOT_SECTION, says="Snapshots of the data of cluster and emulator."),
        "mirrors": Field(
            kind=TextMap(),
            says="Prefix of a chart repository's address, or of images' names: the prefix to ask instead.",
        ),
    }
)


def stack_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a stack file; docs/stack.schema.json is its published form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bootstrap stack file",
        **json_schema(STACK),
    }


def published_schema() -> str:
    """The text of docs/stack.schema.json."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"
