"""An `aws` of ours before the user's on PATH: version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for some services."""

import os
import shlex
import shutil
from pathlib import Path

from bootstrap.model.stack import StatePaths
from bootstrap.system.files import write_whole

_SCRIPT = """\
#!/bin/sh
# AWS CLI 1 ignores AWS_ENDPOINT_URL for sqs, rds and others (its override of SSL common names), and asks AWS.
if [ -n "$AWS_ENDPOINT_URL" ]; then set -- --endpoint-url "$AWS_ENDPOINT_URL" "$@"; fi
exec {program} "$@"
"""


def folder_of_aws(state: StatePaths, path: str) -> tuple[str, ...]:
    """The folder of an `aws` that reaches the platform whatever the service; none if the user has no `aws`.

    An `--endpoint-url` of the command line still counts, since the last one does.
    """
    folder = state.folder / "bin"
    others = os.pathsep.join(part for part in path.split(os.pathsep) if Path(part) != folder)
    program = shutil.which("aws", path=others)
    if program is None:
        return ()
    content = _SCRIPT.format(program=shlex.quote(program)).encode()
    file = folder / "aws"
    if not file.exists() or file.read_bytes() != content:
        write_whole(file, content, mode=0o700)
    return (str(folder),)
