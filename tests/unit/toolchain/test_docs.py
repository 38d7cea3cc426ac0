"""docs/programs.md says what the table says."""

from pathlib import Path

import pytest

from bootstrap.toolchain.table import PROGRAMS, Program

DOCUMENT = Path(__file__).parents[3] / "docs/programs.md"


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_versions_are_documented(program: Program) -> None:
    rows = [line.split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    told = {
        name.strip(): (wanted.strip(), accepted.strip())
        for _, names, wanted, accepted, *_ in rows
        for name in names.split(",")
    }
    assert told[program.name] == (program.wanted, str(program.accepted))
