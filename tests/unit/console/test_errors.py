"""Errors read: what, evidence, command, fix, log; repeats are told once."""

from bootstrap.console.errors import error_text, failures_text
from bootstrap.errors import BootstrapError, InvalidError, Place, Problem, RefusedError
from bootstrap.model.step import StepId


def problem(line: int | None, path: str | None, text: str, file: str = "stacks/dev.yaml") -> Problem:
    return Problem(place=Place(file=file, line=line, path=path), text=text)


def test_every_part_has_its_place() -> None:
    error = BootstrapError(
        "release traefik is not Ready after 60s",
        evidence=("1 of 2 pods wait",),
        command="helm upgrade --install traefik",
        fix="check the image, then run: bootstrap up",
        log="/logs/up.log",
    )
    assert error_text(error) == (
        "Error: release traefik is not Ready after 60s\n"
        "  1 of 2 pods wait\n"
        "  Command: helm upgrade --install traefik\n"
        "Fix:   check the image, then run: bootstrap up\n"
        "Log:   /logs/up.log\n"
    )


def test_what_is_not_known_is_not_said() -> None:
    assert error_text(RefusedError("no")) == "Error: no\n"
    assert error_text(RefusedError("no"), log="/a.log") == "Error: no\nLog:   /a.log\n"


def test_evidence_is_short_and_repeats_are_counted() -> None:
    error = BootstrapError("broken", evidence=("first", "same", "same", "a", "b", "c", "x" * 500))
    assert error_text(error).splitlines() == [
        "Error: broken",
        "  first",
        "  … 2 lines more …",
        "  b",
        "  c",
        "  " + "x" * 199 + "…" + "x" * 199,
    ]


def test_all_problems_of_files_are_told() -> None:
    error = InvalidError(
        [problem(4, "cluster.provder", "unknown key"), problem(9, "emulator", "must be a mapping")],
        fix="see the schema",
    )
    assert error_text(error) == (
        "Error: 2 problems in stacks/dev.yaml\n"
        "  stacks/dev.yaml:4: cluster.provder: unknown key\n"
        "  stacks/dev.yaml:9: emulator: must be a mapping\n"
        "Fix:   see the schema\n"
    )


def test_problems_of_several_files_and_of_one_value_in_several_lines() -> None:
    error = InvalidError(
        [
            problem(4, None, "unknown"),
            problem(2, None, "unknown"),
            problem(4, None, "unknown"),
            problem(7, None, "unknown"),
            problem(None, "a", "odd", file="--set"),
            problem(1, None, "twice", file="b.yaml"),
            problem(3, None, "twice", file="b.yaml"),
        ]
    )
    assert error_text(error).splitlines() == [
        "Error: 7 problems",
        "  stacks/dev.yaml:2: unknown (also in lines 4, 7)",
        "  --set: a: odd",
        "  b.yaml:1: twice (also in line 3)",
    ]


def test_one_problem_and_a_headline_of_its_own() -> None:
    assert error_text(InvalidError([problem(1, None, "odd")])).startswith("Error: 1 problem in stacks/dev.yaml\n")
    error = InvalidError([problem(1, None, "odd")], what="chart on kwok")
    assert error_text(error) == "Error: chart on kwok\n  stacks/dev.yaml:1: odd\n"


def test_failures_name_their_step_and_what_they_skipped() -> None:
    first, two, three = (StepId(f"release/a/{name}") for name in ("one", "two", "three"))
    same = BootstrapError("the registry does not answer", fix="look at the network")
    skipped = {first: [StepId(f"release/b/{number}") for number in range(4)], three: [StepId("seeds")]}
    failed = {first: same, two: same, three: BootstrapError("release/a/three: helm failed")}
    assert failures_text(failed, skipped, log="/up.log") == (
        "Error: release/a/one, release/a/two: the registry does not answer\n"
        "  4 steps skipped because of this: release/b/0, release/b/1, release/b/2, …\n"
        "Fix:   look at the network\n"
        "\n"
        "Error: release/a/three: helm failed\n"
        "  1 step skipped because of this: seeds\n"
        "Log:   /up.log\n"
    )
