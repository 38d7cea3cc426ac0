"""The files that other servers read: the action, the hooks of pre-commit, Renovate's preset."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from bootstrap.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
PRESET: dict[str, Any] = json.loads((ROOT / "renovate-preset.json").read_text())
STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step]


def test_a_script_of_the_action_has_no_expression() -> None:
    """An expression in a script is code of whoever gives its value."""
    assert [step["name"] for step in STEPS if "${{" in step["run"] or step["shell"] != "bash"] == []


def test_every_input_is_used_and_the_platform_is_always_taken_down() -> None:
    text = (ROOT / "action.yml").read_text()
    assert [name for name in ACTION["inputs"] if f"inputs.{name} " not in text] == []
    last = ACTION["runs"]["steps"][-1]
    assert (last["if"], "bootstrap-stack down" in last["run"]) == ("always()", True)


def test_the_hooks_of_pre_commit_are_commands_of_ours() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["bootstrap-lint", "bootstrap-seed-lint", "bootstrap-lock-check"]
    for hook in hooks:
        program, verb, *_ = hook["entry"].split()
        assert (program, hook["language"], hook["pass_filenames"]) == ("bootstrap-stack", "python", False)
        assert verb in COMMANDS
        assert re.search(hook["files"], "stacks/dev.yaml")


def found(file: str, text: str) -> list[dict[str, str | None]]:
    """What Renovate's custom managers find in a file."""
    results = []
    for manager in PRESET["customManagers"]:
        if any(re.search(pattern.strip("/"), file) for pattern in manager["managerFilePatterns"]):
            for pattern in manager["matchStrings"]:
                matched = re.finditer(pattern.replace("(?<", "(?P<"), text)
                results += [{"depName": manager.get("depNameTemplate"), **each.groupdict()} for each in matched]
    return results


def test_renovate_finds_the_versions_of_a_stack_file() -> None:
    text = """\
cluster: {kubernetes: "1.34", image: kindest/node:v1.34.0@sha256:%s}
emulator:
  image: 'localhost:5000/localstack/localstack:4.14.0'
images: {web: {build: ../web}}
""" % ("0" * 64)
    assert found("stacks/dev.yaml", text) == [
        {"depName": "kindest/node", "currentValue": "v1.34.0", "currentDigest": f"sha256:{'0' * 64}"},
        {"depName": "localhost:5000/localstack/localstack", "currentValue": "4.14.0", "currentDigest": None},
        {"depName": "kubernetes/kubernetes", "currentValue": "1.34"},
    ]
    assert found("apps/dev.yaml", text) == []


def test_renovate_finds_ours_in_this_repository_and_its_page() -> None:
    assert {"depName": "kubernetes/kubernetes", "currentValue": "1.34"} in found(
        "stacks/ci.yaml", (ROOT / "stacks" / "ci.yaml").read_text()
    )
    page = (ROOT / "docs" / "ci.md").read_text()
    for file in (".github/workflows/e2e.yml", ".gitlab-ci.yml"):
        versions = found(file, page)
        assert versions
        assert {each["depName"] for each in versions} == {"bootstrap-stack"}
