"""Decrypts with the `sops` program of this machine, and with the keys that it finds."""

import shutil
from collections.abc import Callable, Mapping

from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_SECONDS = 60.0


def sops_decrypt(
    environment: Mapping[str, str], processes: Processes, cancel: CancelToken
) -> Callable[[bytes, str], bytes] | None:
    """(encrypted, its format: yaml, json, dotenv, ini or binary) → decrypted; None if there is no `sops`.

    As Flux, it takes what was edited after encryption: the checksum over the whole is not looked at.
    """
    program = shutil.which("sops", path=environment.get("PATH", ""))
    if program is None:
        return None

    def decrypt(encrypted: bytes, kind: str) -> bytes:
        argv = (program, "decrypt", "--ignore-mac", "--input-type", kind, "--output-type", kind, "/dev/stdin")
        command = Command(argv=argv, env=environment, stdin=encrypted)
        try:
            return processes.run(command, cancel.within(_SECONDS, "sops")).stdout
        except CommandFailedError as error:
            raise StepFailedError(
                "sops cannot decrypt",
                evidence=error.evidence,
                command=error.command,
                fix="give it the key, as for Flux: SOPS_AGE_KEY_FILE, GnuPG or the cloud's credentials",
            ) from error

    return decrypt
