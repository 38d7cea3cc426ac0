"""Writes the JSON Schemas in docs/ anew: of stack files and of fixture files, from the tables that check them."""

from pathlib import Path

from bootstrap.config import schema
from bootstrap.seeds import json_schema
from bootstrap.seeds.services.registry import all_services

if __name__ == "__main__":
    docs = Path(__file__).parents[1] / "docs"
    (docs / "stack.schema.json").write_text(schema.published_schema())
    (docs / "seeds.schema.json").write_text(json_schema.published_schema(all_services()))
