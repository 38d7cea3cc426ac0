import os
import sys
from types import SimpleNamespace

import pytest

from bootstrap.errors import RefusedError
from bootstrap.toolchain.platforms import this_platform


def be(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "linux/amd64"),
        ("linux", "aarch64", "linux/arm64"),
        ("darwin", "arm64", "darwin/arm64"),
    ],
)
def test_machines_have_go_s_names(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str) -> None:
    be(monkeypatch, system, machine)
    assert str(this_platform()) == name


@pytest.mark.parametrize(("system", "machine"), [("linux", "riscv64"), ("freebsd14", "amd64")])
def test_others_are_refused(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    be(monkeypatch, system, machine)
    with pytest.raises(RefusedError, match=rf"this machine \({system}, {machine}\) is not supported"):
        this_platform()
