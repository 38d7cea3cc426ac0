import os
from pathlib import Path

import pytest

from bootstrap.errors import StepFailedError
from bootstrap.kube.sops import sops_decrypt
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from fakes.programs import script

CLOCK = SystemClock()


def decrypted(folder: Path, content: bytes) -> bytes:
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    decrypt = sops_decrypt(environment, SystemProcesses(CLOCK), CancelToken(CLOCK))
    assert decrypt is not None
    return decrypt(content, "yaml")


def test_what_is_encrypted_goes_through_standard_input_alone(tmp_path: Path) -> None:
    script(tmp_path / "sops", f'echo "$@" > {tmp_path}/argv; tr a-z A-Z')
    assert decrypted(tmp_path, b"secret: x") == b"SECRET: X"
    text = (tmp_path / "argv").read_text()
    assert text == "decrypt --ignore-mac --input-type yaml --output-type yaml /dev/stdin\n"


def test_a_missing_key_is_told_in_sops_own_words(tmp_path: Path) -> None:
    script(tmp_path / "sops", "echo no matching key >&2; exit 128")
    with pytest.raises(StepFailedError, match="sops cannot decrypt") as raised:
        decrypted(tmp_path, b"")
    assert raised.value.evidence == ("no matching key",)
    assert "SOPS_AGE_KEY_FILE" in str(raised.value.fix)


def test_without_the_program_there_is_nothing_to_decrypt_with(tmp_path: Path) -> None:
    assert sops_decrypt({"PATH": str(tmp_path)}, SystemProcesses(CLOCK), CancelToken(CLOCK)) is None
