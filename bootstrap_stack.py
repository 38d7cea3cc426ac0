"""The commands `bootstrap` and `bootstrap-stack`, and `python -m bootstrap_stack`.

A project of the user's may have a `bootstrap.py` or a package `bootstrap` of its own, and PYTHONPATH or the current
folder may put it first: the package beside this file is imported before anybody looks there.
"""

import importlib
import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and end it with the documented exit code."""
    sys.path.insert(0, str(Path(__file__).parent))
    package = importlib.import_module("bootstrap")
    sys.path.pop(0)
    importlib.import_module(f"{package.__name__}.cli.main").main()
    raise AssertionError  # main ends the process


if __name__ == "__main__":
    main()
