"""Every sink: masked, free of control characters, safe in any encoding, calm when nobody reads."""

import base64
import errno
import io
import stat
from pathlib import Path

import pytest

from bootstrap.console.log_file import LogRenderer, log_path
from bootstrap.console.mask import Masker, secret_values
from bootstrap.console.stream import ProgressSink, encodable, write_result, write_text
from fakes.recorded_run import FAILED, SECRET, at


def masker(*values: str) -> Masker:
    new_masker = Masker()
    new_masker.register(*values)
    return new_masker


@pytest.mark.parametrize(
    "text",
    [
        'p"ss/wörd',
        'p\\"ss/wörd',
        'p\\"ss/w\\u00f6rd',
        "p%22ss%2Fw%C3%B6rd",
        base64.b64encode('p"ss/wörd'.encode()).decode(),
    ],
)
def test_a_registered_secret_is_masked_in_every_spelling(text: str) -> None:
    assert masker('p"ss/wörd').mask(f"<{text}>") == "<***>"


def test_lines_of_a_secret_are_secrets_and_longer_ones_come_first() -> None:
    new_masker = masker("line one\nline two\n", "line", "abc")
    assert new_masker.mask("line two, line one, line, abc") == "***, ***, ***, abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pa55@host/x", "https://user:***@host/x"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"),
        ("password=aB3dE6gH9jK2mN5p next", "password=*** next"),
        ('{"password": "aB3dE6gH9jK2mN5p", "x": 1}', '{"password": "***", "x": 1}'),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "aws_secret_access_key = ***"),
        ('redis-password: namespaces "nowhere" not found', 'redis-password: namespaces "nowhere" not found'),
        ("api-key: is not a Kubernetes object", "api-key: is not a Kubernetes object"),
        ("give it with --var MARIADB_PASSWORD=…", "give it with --var MARIADB_PASSWORD=…"),
        ("AKIAABCDEFGHIJKLMNOP", "***"),
        ("helm --password hunter2 x", "helm --password *** x"),
        ("ghp_" + "a" * 24, "***"),
        ("-----BEGIN PRIVATE KEY-----\na\n-----END PRIVATE KEY-----\nx", "-----BEGIN PRIVATE KEY----- ***\nx"),
        ("the password was refused", "the password was refused"),
        ("secretsmanager/fleet: 2 secrets", "secretsmanager/fleet: 2 secrets"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert Masker().mask(text) == shown


def stream(encoding: str) -> tuple[io.TextIOWrapper, io.BytesIO]:
    raw = io.BytesIO()
    return io.TextIOWrapper(raw, encoding=encoding, newline=""), raw


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "✓ ü…\n".encode()), ("latin-1", b"ok \xfc...\n"), ("ascii", b"ok \\xfc...\n")],
)
def test_characters_that_an_encoding_lacks_are_escaped(encoding: str, written: bytes) -> None:
    wrapped, raw = stream(encoding)
    write_text(wrapped, "✓ ü…")
    assert raw.getvalue() == written


def test_names_that_are_no_unicode_are_escaped() -> None:
    assert encodable("a\udcff", "utf-8") == "a\\udcff"
    assert encodable("ü", "no-such-encoding") == "\\xfc"


def test_control_characters_of_quoted_programs_stay_out() -> None:
    wrapped, raw = stream("utf-8")
    write_text(wrapped, "\x1b[31mred\x1b[0m \x1b]0;title\x07a\tb\rc\x00\n")
    assert raw.getvalue() == b"red a\tbc\n"


def test_a_result_is_what_was_asked_for_but_for_known_secrets() -> None:
    wrapped, raw = stream("utf-8")
    write_result(wrapped, "export AWS_SECRET_ACCESS_KEY=test\nother=hunter2", secrets=masker("hunter2"))
    assert raw.getvalue() == b"export AWS_SECRET_ACCESS_KEY=test\nother=***\n"


class Closed(io.StringIO):
    """A pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_result_that_nobody_reads_is_an_error() -> None:
    with pytest.raises(BrokenPipeError):
        write_result(Closed(), "a")


def test_progress_that_nobody_reads_is_told_no_more() -> None:
    closed = Closed()
    sink = ProgressSink(closed)
    sink.write("a")
    sink.write("b")
    assert closed.tries == 1


def test_the_log_has_everything_and_is_private(tmp_path: Path) -> None:
    file = log_path(tmp_path / "logs", "up", at(0))
    assert file.name == "up-20260102-101500.log"
    log = LogRenderer(file, secrets=masker(SECRET))
    for event in FAILED:
        log(event)
    log.close()
    log.close()
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "00:02   …   cluster: starting kube-apiserver\n" in text
    assert "      plan  release/apps/n8n: values changed" in text
    assert text.count("Command: helm upgrade --install traefik") == 2, "at the step and at the end"
    assert SECRET not in text
    assert "pod traefik-7d4: *** refused" in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_log_on_a_full_disk_ends_and_the_run_goes_on() -> None:
    log = LogRenderer(Path("/dev/full"))
    log(FAILED[0])
    log(FAILED[1])
    log.close()


def test_values_of_secrets_are_known_where_their_name_says_so() -> None:
    secret = {
        "kind": "Secret",
        "data": {"password": base64.b64encode(b"correct horse").decode(), "broken-key": "%%"},
        "stringData": {"api-token": "opensesame", "username": "postgresql", "key": "short"},
    }
    subject = masker(*secret_values([secret, {"kind": "ConfigMap", "data": {"password": "not secret"}}]))
    text = "correct horse opensesame postgresql short not secret"
    assert subject.mask(text) == "*** *** postgresql short not secret"
