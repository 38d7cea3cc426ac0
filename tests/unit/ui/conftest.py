"""A stack over fakes behind the pages of a server, without a socket."""

from pathlib import Path

import pytest

from fakes.pages import Pages
from fakes.setting import Setting


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(Setting(tmp_path))
