"""docs/programs.md says what the table says."""

from pathlib import Path

import pytest

from bootstrap.toolchain.programs import PROGRAMS, Program

DOCUMENT = Path(__file__).parents[3] / "docs/programs.md"


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_versions_are_documented(program: Program) -> None:
    rows = [line.split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    documented = {
        name.strip(): (version.strip(), accepted.strip())
        for _, names, version, accepted, *_ in rows
        for name in names.split(",")
    }
    assert documented[program.name] == (program.default_version, str(program.accepted))
