"""Broken fixture files: what is said of each stands in its first comment lines, as `:LINE: PATH: TEXT`."""

from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.seeds.load import load
from bootstrap.seeds.services.registry import all_services

CORPUS = Path(__file__).parents[2] / "data" / "seeds"
FILES = sorted(CORPUS.glob("invalid-*.yaml"))
AT_LEAST = 60


def expected(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    comments = lines[: next(number for number, line in enumerate(lines) if not line.startswith("# "))]
    return [f"{file.name}{line.removeprefix('# ')}" for line in comments]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.removeprefix("invalid-"))
def test_every_problem_is_told_exactly(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CORPUS)
    with pytest.raises(InvalidError) as caught:
        load([Path(file.name)], all_services(), {"region": "eu-west-1"})
    assert [str(problem) for problem in caught.value.problems] == expected(file)


def test_the_corpus_is_large() -> None:
    assert len(FILES) >= AT_LEAST


def test_problems_of_all_files_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CORPUS)
    names = ["invalid-s3-bad-name.yaml", "invalid-dynamodb-no-keys.yaml"]
    with pytest.raises(InvalidError) as caught:
        load([Path(name) for name in names], all_services(), {})
    assert {problem.place.file for problem in caught.value.problems} == set(names)


def test_a_path_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidError, match="nowhere: no such file or folder"):
        load([Path("nowhere")], all_services(), {})
