"""What pyproject.toml asks for is what constraints.txt pins: `task lock` writes it anew."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def pinned() -> dict[str, str]:
    return dict(_PIN.findall((ROOT / "constraints.txt").read_text()))


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    return [Requirement(text) for text in [*asked, *(text for extra in extras for text in extra)]]


def test_every_requirement_is_pinned_within_its_range() -> None:
    pins = pinned()
    wrong = [
        str(requirement)
        for requirement in requirements()
        if not requirement.specifier.contains(pins.get(requirement.name.lower().replace("_", "-"), "0"))
    ]
    assert wrong == [], "run: task lock"


def test_the_file_names_digests_and_no_addresses() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert text.count("--hash=sha256:") > len(pinned())
