"""scripts/vocabulary.py finds the wordings that the project does not use, and nothing else."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vocabulary", ROOT / "scripts" / "vocabulary.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


vocabulary = _module()


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("Makes the cluster anew.", "anew"),
        ("Take away what up made.", "Take away"),
        ("One that takes it all away.", "takes it all away"),
        ("doctor says what to mend.", "mend"),
        ("Every stack, shortly.", "shortly"),
        ("helm is no file.", "is no file"),
        ("It is told after the plan.", "told"),
        ("Nothing where the emulator is to be.", "where the emulator is to be"),
        ("The cluster does not run.", "does not run"),
        ("It starts the machines.", "machines"),
        ("Wanted until Monday.", "Wanted until"),
        ("--adopt takes over a cluster.", "takes over"),
        ("The port is taken by nginx.", "is taken by"),
        ("The stack lives on kind.", "lives on"),
        ("DOCKER_HOST leads to no engine.", "leads to no"),
        ("Flux would wait for ever.", "for ever"),
        ("Port 80 is wanted twice.", "is wanted twice"),
        ("It goes with provider existing.", "goes with provider"),
        ("A network that nobody is on.", "nobody is on"),
        ("Read what its log says.", "its log says"),
        ("One whose time was over; its time was over.", "its time was over"),
        ("The table takes no more items.", "takes no more"),
        ("The release is there and stays.", "is there and"),
        ("Two files are to note.", "to note"),
    ],
)
def test_a_wording_is_found_with_its_line(text: str, wording: str) -> None:
    (finding,) = vocabulary.findings_in(f"First line.\n{text}", "docs/a.md")
    assert (finding.line, finding.text) == (2, wording)
    assert str(finding).startswith(f'docs/a.md:2: "{wording}": write ')


@pytest.mark.parametrize(
    "text",
    [
        "Remove what up created, and nothing else.",
        "There is no longer a cluster; this is no more than a start.",
        "The cluster is not running on this machine.",
        "The amended text, a retelling, the takeaway.",
        "The lease expires on Monday; the port is in use by nginx.",
    ],
)
def test_plain_words_pass(text: str) -> None:
    assert not list(vocabulary.findings_in(text, "a.md"))


def test_code_and_keys_are_not_prose(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("Run `mend`.\n\n```sh\nmend it\n```\n\nThen mend it.\n")
    module = tmp_path / "a.py"
    module.write_text('"""Mend what broke, `mend` too."""\n\nKEYS = {"told": f"{1} was told"}\n')
    assert [(finding.line, finding.text) for finding in vocabulary.check(document, tmp_path)] == [(7, "mend")]
    assert [(finding.line, finding.text) for finding in vocabulary.check(module, tmp_path)] == [
        (1, "Mend"),
        (3, "told"),
    ]


def test_the_command_ends_with_1_for_a_bad_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vocabulary, "ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("Plain words.\n")
    assert vocabulary.main([]) == 0
    readme.write_text("Told in words.\n")
    assert vocabulary.main([]) == 1
