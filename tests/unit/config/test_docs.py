"""docs/stack-file.md names every field and setting, with its default."""

import json
import re
from pathlib import Path

import pytest

from bootstrap.config.fields import Checker, Field
from bootstrap.config.layers import leaves
from bootstrap.config.schema import STACK
from bootstrap.config.settings import SETTINGS
from bootstrap.yamltext.positions import parse_documents, path_text

TEXT = (Path(__file__).parents[3] / "docs" / "stack-file.md").read_text()
DEFAULTS = dict(re.findall(r"^\| `([\w.]+)` \| ([^|]*?) ?\|", TEXT, re.MULTILINE))


@pytest.mark.parametrize(("path", "field"), [(path_text(path), field) for path, field in leaves(STACK)])
def test_every_field_is_documented_with_its_default(path: str, field: Field) -> None:
    documented = DEFAULTS[path].strip("`").strip('"')
    if field.default is None:
        assert documented in {"", "the file's name"}
    else:
        default = field.default if isinstance(field.default, str) else json.dumps(field.default)
        assert documented == default


def test_every_setting_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (?:`(\w+)` )?\|$", TEXT, re.MULTILINE))
    for (name, *_), field in leaves(SETTINGS):
        if name != "tools":
            assert rows[str(name)] == str(field.default or "")


def test_the_example_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (document,) = parse_documents(example, file="example")
    assert not list(Checker().faults(STACK, document.value))
