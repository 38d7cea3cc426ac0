"""Measures `snapshot save` and `restore` beside `down && up`, in one run: on kind, or embedded.

task bench-snapshots                              kind, one round
task bench-snapshots -- --provider kwok --rounds 3

On kind the platform is that of tests/data/platform: Traefik, the External Secrets operator, an emulator, seeds, a shop;
embedded it is the stack quickstart. What it makes it takes away.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_kind import ROOT, Bench, Images

ALLOWED = {"kind": (15.0, 0.45), "kwok": (5.0, 0.7)}
"""Seconds that a restore may take, and its share of `down && up`."""
UP, DOWN, SAVE, RESTORE = "up", "down", "snapshot save", "snapshot restore"


def measure(bench: Bench, provider: str, rounds: int) -> None:
    """Bring it up; save and restore it; remove it and bring it up again."""
    given = () if provider == "kind" else ("--provider", provider)
    bench.bootstrap("up", bench.name, *given)
    try:
        for number in range(rounds):
            name = f"round-{number}"
            with bench.measured(SAVE):
                bench.bootstrap("snapshot", "save", name, "--stack", bench.name)
            with bench.measured(RESTORE):
                bench.bootstrap("snapshot", "restore", name, "--stack", bench.name)
            bench.bootstrap("snapshot", "diff", name, "--exit-code", "--stack", bench.name)
            with bench.measured("down && up"):
                with bench.measured(DOWN):
                    bench.bootstrap("down", bench.name)
                with bench.measured(UP):
                    bench.bootstrap("up", bench.name, *given)
    finally:
        bench.bootstrap("down", bench.name)


def lines(bench: Bench, provider: str) -> Iterator[str]:
    """Every time, and what they come to."""
    for what, taken in bench.taken.items():
        yield f"{what:18} {' '.join(f'{seconds:6.1f}' for seconds in taken)} s"
    seconds, share = ALLOWED[provider]
    pairs = list(zip(bench.taken[RESTORE], bench.taken["down && up"], strict=True))
    ratios = " ".join(f"{restored / again:6.2f}" for restored, again in pairs)
    yield f"restore / (down && up): {ratios}   allowed {share}; restore alone {seconds} s"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=sorted(ALLOWED), default="kind")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-snapshots-") as folder:
        bench = Bench(folder=Path(folder), images=Images())
        if given.provider == "kind":
            bench.declare()
        else:
            bench.name = "quickstart"
            shutil.copytree(ROOT / "stacks", bench.folder / "stacks")
        measure(bench, given.provider, given.rounds)
        for line in lines(bench, given.provider):
            print(line)


if __name__ == "__main__":
    main()
