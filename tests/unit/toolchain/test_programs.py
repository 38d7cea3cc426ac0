"""What every entry of the table must hold; a new program is tested by being there."""

import re
from pathlib import Path

import pytest

from bootstrap.toolchain.go_build import module_folder
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import EMBEDDED, PROGRAMS, GoModule, Program, PythonPackage, Wheel
from bootstrap.toolchain.python_environments import requirements_file
from bootstrap.toolchain.source import Wish

ANSWERS = {
    "helm": ("v4.1.4", "4.1.4"),
    "kubectl": ('{"clientVersion": {"major": "1", "gitVersion": "v1.36.4"}, "kustomizeVersion": "v5.7"}', "1.36.4"),
    "kind": ("kind v0.33.0 go1.26.8 linux/amd64", "0.33.0"),
    "k3d": ("k3d version v5.8.3\nk3s version v1.31.5-k3s1 (default)", "5.8.3"),
    "kwok": ("kwok version v0.7.0 go1.26.8 (linux/amd64)", "0.7.0"),
    "etcd": ("etcd Version: 3.6.4\nGit SHA: Not provided", "3.6.4"),
    "kube-apiserver": ("Kubernetes v1.34.4", "1.34.4"),
    "kube-controller-manager": ("Kubernetes v1.34.4", "1.34.4"),
    "kube-scheduler": ("Kubernetes v1.34.4", "1.34.4"),
    "go": ("go version go1.26.8 linux/amd64", "1.26.8"),
    "ministack": ("1.5.33", "1.5.33"),
    "moto": ("5.2.5", "5.2.5"),
}

every_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)


@every_program
def test_what_it_answers_is_understood(program: Program) -> None:
    answer, version = ANSWERS[program.name]
    matched = re.search(program.answers, answer)
    assert matched is not None
    assert matched[1] == version


@every_program
def test_what_our_sources_bring_is_accepted(program: Program) -> None:
    assert all(program.accepted.holds(version) for version in program.versions)


@every_program
def test_a_module_of_ours_is_in_the_package(program: Program) -> None:
    if isinstance(program.build, GoModule):
        names = {file.name for file in module_folder(program.build).iterdir()}
        assert {"go.mod", "go.sum"} <= names


@every_program
def test_packages_are_pinned_by_digest_and_name_no_index(program: Program) -> None:
    if isinstance(program.build, PythonPackage):
        text = requirements_file(program.build).read_text()
        assert re.search(rf"(?m)^{program.build.project}(\[\w+\])?=={program.default_version} ", text)
        assert "://" not in text
        packages = re.findall(r"(?m)^\w", text)
        assert text.count("--hash=sha256:") >= len(packages) > 10


def test_a_wheel_names_the_version_in_its_member() -> None:
    wheel = PROGRAMS["kubectl"].build
    assert isinstance(wheel, Wheel)
    assert wheel.version in wheel.member
    assert PROGRAMS["kubectl"].versions == ("1.34.4", "1.36.4")


def test_the_embedded_ones_are_for_linux() -> None:
    mac = Platform(system="darwin", machine="arm64")
    assert {name for name, program in PROGRAMS.items() if not program.runs_on(mac)} == set(EMBEDDED) - {"kwok"}


@pytest.mark.parametrize(
    ("name", "url", "checksums", "member"),
    [
        (
            "helm",
            "https://get.helm.sh/helm-v4.1.4-linux-arm64.tar.gz",
            "https://get.helm.sh/helm-v4.1.4-linux-arm64.tar.gz.sha256sum",
            "linux-arm64/helm",
        ),
        (
            "kubectl",
            "https://dl.k8s.io/release/v1.34.4/bin/linux/arm64/kubectl",
            "https://dl.k8s.io/release/v1.34.4/bin/linux/arm64/kubectl.sha256",
            None,
        ),
        (
            "kind",
            "https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-arm64",
            "https://github.com/kubernetes-sigs/kind/releases/download/v0.33.0/kind-linux-arm64.sha256sum",
            None,
        ),
        (
            "k3d",
            "https://github.com/k3d-io/k3d/releases/download/v5.8.3/k3d-linux-arm64",
            "https://github.com/k3d-io/k3d/releases/download/v5.8.3/checksums.txt",
            None,
        ),
        (
            "etcd",
            "https://github.com/etcd-io/etcd/releases/download/v3.6.4/etcd-v3.6.4-linux-arm64.tar.gz",
            "https://github.com/etcd-io/etcd/releases/download/v3.6.4/SHA256SUMS",
            "etcd-v3.6.4-linux-arm64/etcd",
        ),
    ],
)
def test_the_publisher_s_addresses(name: str, url: str, checksums: str, member: str | None) -> None:
    program = PROGRAMS[name]
    wish = Wish(program=program, platform=Platform(system="linux", machine="arm64"), folder=Path("x"))
    offered = program.download
    assert offered is not None
    assert wish.filled(offered.url) == url
    assert offered.checksums is not None
    assert wish.filled(offered.checksums) == checksums
    assert (None if offered.member is None else wish.filled(offered.member)) == member
