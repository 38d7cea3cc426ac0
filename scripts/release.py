"""Builds and checks a release in dist/, and tries the wheel in an empty environment: `task release`.

Uploads nothing. Needs the packages of release.txt, and pip's index for what the wheel needs.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def main() -> None:
    """Every step in order; the first that fails ends it."""
    options = arguments()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    notes = changelog_section(version) if options.tag else ""
    if options.tag and options.tag != f"v{version}":
        sys.exit(f"Error: the tag is {options.tag}, the version in pyproject.toml {version}\nFix:   change one of them")
    os.umask(0o022)
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        first, second = (built(Path(temporary) / name) for name in ("first", "second"))
        if digests(first) != digests(second):
            sys.exit(f"Error: two builds differ: {digests(first)}, {digests(second)}")
        shutil.copytree(first, DIST)
    archives = sorted(map(str, DIST.iterdir()))
    wheel = next(name for name in archives if name.endswith(".whl"))
    run(sys.executable, "-m", "twine", "check", "--strict", *archives)
    run(str(Path(sys.executable).with_name("check-wheel-contents")), wheel)
    if notes:
        (DIST / "notes.md").write_text(notes)
    if not options.without_run:
        try_wheel(wheel)
    for name, digest in digests(DIST).items():
        print(f"{digest}  {name}")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="the tag that is released: it has to name the version, and the changelog too")
    parser.add_argument("--without-run", action="store_true", help="do not bring a stack up with the wheel")
    return parser.parse_args()


def changelog_section(version: str) -> str:
    """What CHANGELOG.md says of this version."""
    text = (ROOT / "CHANGELOG.md").read_text()
    section = re.search(rf"(?ms)^## \[?{re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", text)
    if section is None:
        sys.exit(f"Error: CHANGELOG.md has no section {version}\nFix:   give the changes under Unreleased that heading")
    return section[1].strip() + "\n"


def built(folder: Path) -> Path:
    """Sdist and wheel, made of the committed files alone."""
    source = folder / "source"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(source, filter="data")
    epoch = subprocess.run(
        ["git", "-C", ROOT, "log", "-1", "--format=%ct"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    # The package's own environment knows click; this one has what builds.
    run(str(ROOT / ".venv/bin/python"), str(ROOT / "scripts/man_pages.py"), str(source / "man"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source), env=environment)
    for sdist in (folder / "dist").glob("*.tar.gz"):
        sdist.write_bytes(normal(sdist.read_bytes(), int(epoch)))
    return folder / "dist"


def normal(sdist: bytes, epoch: int) -> bytes:
    """The same archive without what differs from machine to machine: owners, times, the order of files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(sdist)) as source, tarfile.open(fileobj=written, mode="w") as target:
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = epoch
            member.pax_headers = {}
            target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return gzip.compress(written.getvalue(), mtime=epoch)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every archive."""
    archives = sorted(file for file in folder.iterdir() if file.name.endswith((".whl", ".tar.gz")))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in archives}


def try_wheel(wheel: str) -> None:
    """Install it as a stranger does, list what came along, and bring a platform up in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="release-") as temporary:
        home = Path(temporary)
        environment, folder = home / "environment", home / "project"
        folder.mkdir()
        run(sys.executable, "-m", "venv", str(environment))
        python = str(environment / "bin/python")
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
        bill = DIST / "sbom.cdx.json"
        cyclonedx = str(Path(sys.executable).with_name("cyclonedx-py"))
        run(cyclonedx, "environment", "--output-reproducible", "--output-file", str(bill), python)
        components = {component["name"] for component in json.loads(bill.read_text())["components"]}
        if "bootstrap-stack" not in components or "ministack" in components:
            sys.exit(f"Error: the bill of materials is not that of a plain installation: {sorted(components)}")
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        variables = {**kept, "XDG_STATE_HOME": str(home / "state"), "BOOTSTRAP_NAME": "release"}
        program = str(environment / "bin/bootstrap")
        for words in commands():
            run(program, *words, cwd=folder, env=variables)


def commands() -> Iterator[tuple[str, ...]]:
    """What a stranger types."""
    yield ("init",)
    yield ("up", "--provider", "kwok", "--ports", "auto", "--ttl", "1h")
    yield ("status",)
    yield ("down",)


def run(*argv: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a program, or end with it."""
    print(f"$ {' '.join(argv)}", flush=True)
    ended = subprocess.run(argv, check=False, cwd=cwd, env=env, stdin=subprocess.DEVNULL)
    if ended.returncode != 0:
        sys.exit(f"Error: exit code {ended.returncode}: {' '.join(argv)}")


if __name__ == "__main__":
    main()
