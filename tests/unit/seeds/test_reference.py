"""docs/seeds.md: every fixture file that it shows is one."""

import re
from pathlib import Path

import pytest

from bootstrap.seeds.load import load
from bootstrap.seeds.services.registry import all_services

DOCS = Path(__file__).parents[3] / "docs" / "seeds.md"
SHOWN = re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("data/key.pem", "data/orders.jsonl", "data/orders.csv", "site/index.html", "functions/ingest/app.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("def handler(event, context):\n    return 'ok'\n" if name.endswith(".py") else "")
    return tmp_path


@pytest.mark.parametrize("text", SHOWN, ids=range(len(SHOWN)))
def test_what_the_reference_shows_is_valid(text: str, folder: Path) -> None:
    (folder / "fixtures.yaml").write_text(text)
    assert load([folder], all_services(), {}).by_id


def test_it_shows_every_service() -> None:
    assert all(any(f"\n{name}:" in text for text in SHOWN) for name in all_services())
