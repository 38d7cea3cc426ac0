"""Who asks for colour gets it, and nobody else."""

import io
from collections.abc import Mapping

import pytest

from bootstrap.console.color import is_colored, painted
from bootstrap.console.mask import Masker
from bootstrap.console.stream import write_text

TERM = {"TERM": "xterm"}


@pytest.mark.parametrize(
    ("environment", "terminal", "colored"),
    [
        (TERM, True, True),
        (TERM, False, False),
        ({}, True, False),
        ({"TERM": "dumb"}, True, False),
        (TERM | {"CLICOLOR": "0"}, True, False),
        (TERM | {"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour_is_asked_for(environment: Mapping[str, str], terminal: bool, colored: bool) -> None:
    assert is_colored(environment, terminal=terminal) is colored
    assert is_colored(environment, terminal=terminal, allowed=False) is False


def test_our_own_words_are_coloured_where_they_begin_a_line() -> None:
    assert painted("00:12 FAIL  seeds: done \n") == "00:12 \x1b[1;31mFAIL \x1b[0m seeds: done \n"
    assert painted("Error: no\n  Error: in evidence\nFix:   a\n") == (
        "\x1b[1;31mError:\x1b[0m no\n  Error: in evidence\n\x1b[1;32mFix:\x1b[0m   a\n"
    )


def test_colours_of_others_go_and_secrets_are_masked_before_ours_come() -> None:
    secrets, stream = Masker(), io.StringIO()
    secrets.register("Error: s3cret")
    write_text(stream, "Error: \x1b[31mred\x1b[0m Error: s3cret", secrets=secrets, color=True)
    assert stream.getvalue() == "\x1b[1;31mError:\x1b[0m red ***\n"
