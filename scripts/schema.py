"""Writes docs/stack.schema.json anew from the table that checks stack files."""

from pathlib import Path

from bootstrap.config.schema import published_schema

if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs" / "stack.schema.json").write_text(published_schema())
