"""Every command of docs/ci.md and of action.yml is run as a CI server would, in an environment that has nothing."""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.state.paths import cache_folder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "data" / "example"
BLOCK = re.compile(r"^```(yaml|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
SECONDS = 600


@dataclass
class Job:
    """A machine of a CI server: its files for the next steps, and the variables that steps have set."""

    folder: Path
    links: Path
    """Where pip finds our own wheels; all else comes from the index."""
    values: dict[str, str] = field(default_factory=dict)
    """Of expressions such as `inputs.stack`."""
    set: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def environment(self) -> Mapping[str, str]:
        network = ("PIP_", "HTTP", "http", "SSL_", "REQUESTS_", "BOOTSTRAP_TOOL", "BOOTSTRAP_MIRROR")
        files = {name: str(self.folder / name) for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
        return {
            **{name: value for name, value in os.environ.items() if name.startswith(network)},
            "PATH": os.pathsep.join((*self.path, str(Path(sys.base_prefix) / "bin"), "/usr/bin", "/bin")),
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            "PIP_FIND_LINKS": str(self.links),
            "CI": "true",
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_ACTION_PATH": str(self.folder / "action"),
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "1",
            "BUILD_ID": "17",
            "BOOTSTRAP_SET_cluster__provider": "kwok",
            **files,
            **self.set,
        }

    def run(self, script: str, variables: Mapping[str, str]) -> str:
        """As the runner runs a step, with `bash -eo pipefail`; then what it wrote for the next steps holds."""
        ended = subprocess.run(
            ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script),
            cwd=self.project,
            env={**self.environment, **{name: self.filled(value) for name, value in variables.items()}},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        self.set |= self._written("GITHUB_ENV")
        added = self.folder / "GITHUB_PATH"
        if added.exists():
            self.path[:0] = added.read_text().split()
            added.unlink()
        return ended.stdout

    def outputs(self, step: str) -> None:
        """What a step wrote as its outputs, for expressions of later ones."""
        self.values |= {f"steps.{step}.outputs.{name}": value for name, value in self._written("GITHUB_OUTPUT").items()}

    def filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda matched: self.values.get(matched[1], "1"), str(text))

    def _written(self, name: str) -> dict[str, str]:
        file = self.folder / name
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return dict(line.split("=", 1) for line in lines)

    def left(self) -> list[Path]:
        """What a job left of its stacks on this machine."""
        state = self.folder / "home" / ".local" / "state" / "bootstrap"
        return [*state.iterdir()] if state.exists() else []


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, as it would be published."""
    folder = tmp_path_factory.mktemp("links")
    copied(source := folder / "source")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run((*pip, "--wheel-dir", str(folder), str(source)), check=True)
    return folder


def copied(folder: Path) -> None:
    """The files of this tree that git knows or would add."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


@pytest.fixture
def job(tmp_path: Path, links: Path) -> Job:
    for name in ("home", "temp"):
        (tmp_path / name).mkdir()
    shutil.copytree(EXAMPLE, tmp_path / "project")
    return Job(tmp_path, links)


def with_python(job: Job) -> None:
    """As setup-python leaves it: `python3` and `pip` of an environment of the job's own."""
    venv.create(job.folder / "python", with_pip=True, symlinks=True)
    job.path.append(str(job.folder / "python" / "bin"))


def blocks() -> list[tuple[str, Any]]:
    found = BLOCK.findall((ROOT / "docs" / "ci.md").read_text())
    return [(language, yaml.safe_load(text) if language == "yaml" else text) for language, text in found]


def workflows() -> list[dict[str, Any]]:
    """The jobs of GitHub."""
    return [block["jobs"]["e2e"] for _, block in blocks() if isinstance(block, dict) and "jobs" in block]


def test_the_jobs_of_the_page_run_and_leave_nothing(job: Job) -> None:
    """GitHub's steps one by one, then GitLab's lines in one shell."""
    with_python(job)
    (by_hand,) = (each for each in workflows() if not any("example/" in step.get("uses", "") for step in each["steps"]))
    for step in by_hand["steps"]:
        if "run" in step:
            # An expression in a script is code of whoever gives its value.
            assert EXPRESSION.search(step["run"]) is None
            printed = job.run(step["run"], by_hand["env"])
            job.outputs(step.get("id", ""))
            if "shop_check" in step["run"]:
                assert printed == "['orders']\n"
    assert job.values["steps.cache.outputs.key"].startswith("bootstrap-ci-")
    assert (job.project / "bootstrap-junit.xml").exists()
    job.set.clear()
    (gitlab,) = (block["e2e"] for _, block in blocks() if isinstance(block, dict) and "e2e" in block)
    variables = {"BOOTSTRAP_NAME": "4712"}
    assert "['orders']" in job.run("\n".join([*gitlab["before_script"], *gitlab["script"]]), variables)
    job.run("\n".join(gitlab["after_script"]), variables)
    assert job.left() == []


def test_the_lines_for_any_other_server_run_and_leave_nothing(job: Job) -> None:
    (script,) = (text for language, text in blocks() if language == "sh")
    assert "['orders']" in job.run(script.replace("python3 shop_check", ".venv-bootstrap/bin/python3 shop_check"), {})
    assert job.left() == []


def test_the_action_runs_the_command_and_takes_the_platform_down(job: Job) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    copied(job.folder / "action")
    with_python(job)
    (workflow,) = (each for each in workflows() if any("example/" in step.get("uses", "") for step in each["steps"]))
    for step in workflow["steps"]:
        if "run" in step:
            job.run(step["run"], {})
    (given,) = (step["with"] for step in workflow["steps"] if "example/" in step.get("uses", ""))
    job.values |= {f"inputs.{name}": str(declared.get("default", "")) for name, declared in action["inputs"].items()}
    job.values |= {f"inputs.{name}": value for name, value in given.items()}
    job.values["inputs.run"] += "\nkubectl get namespace default -o name; echo \"quoted '$KUBECONFIG'\""
    job.values["inputs.options"] = "--timeout 20m"
    printed = {}
    for step in action["runs"]["steps"]:
        if "run" in step:
            printed[step["name"]] = job.run(step["run"], step.get("env", {}))
            job.outputs(step.get("id", ""))
    orders, namespace, quoted = printed["Run"].splitlines()
    assert (orders, namespace) == ("['orders']", "namespace/default")
    assert quoted.startswith("quoted '/")
    assert (job.project / "bootstrap-report").is_dir()
    assert (job.project / "bootstrap-junit.xml").exists()
    assert job.left() == []


def test_the_scripts_of_the_action_have_no_finding(tmp_path: Path) -> None:
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    shellcheck = shutil.which("shellcheck", path=places)
    assert shellcheck is not None
    for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]:
        if "run" in step:
            (tmp_path / "script").write_text(f"#!/bin/bash\nset -eo pipefail\n{step['run']}")
            ended = subprocess.run((shellcheck, str(tmp_path / "script")), capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stdout
