"""Measures what a person waits for: help, the first up, an up that changes nothing, down; of one stack.

task bench -- quickstart
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 3


def main() -> None:
    """Print the median and the slowest of each, in seconds."""
    stack = sys.argv[1] if len(sys.argv) > 1 else "quickstart"
    taken: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, *arguments in (
            ("help", "--help"),
            ("up, nothing there", "up", stack),
            ("up, unchanged", "up", stack),
            ("status", "status", stack),
            ("down", "down", stack),
        ):
            taken.setdefault(name, []).append(seconds(*arguments))
    for name, measured in taken.items():
        print(f"{name:20} median {statistics.median(measured):7.2f}s   slowest {max(measured):7.2f}s")


def seconds(*arguments: str) -> float:
    """How long one call takes; ends the measurement when it fails."""
    began = time.perf_counter()
    ended = subprocess.run((sys.executable, "-m", "bootstrap", *arguments), check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"bootstrap {' '.join(arguments)} ended with {ended.returncode}:\n{ended.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
