import pytest

from bootstrap.toolchain.publisher import published_digest

DIGEST, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    "text",
    [
        DIGEST,
        f"{DIGEST}\n",
        DIGEST.upper(),
        f"{DIGEST}  kind-linux-amd64\n",
        f"{DIGEST} *kind-linux-amd64\n",
        f"{OTHER}  kind-linux-arm64\n{DIGEST}  _dist/kind-linux-amd64\n",
        f"# a heading\n\n{OTHER}  kind-linux-amd64.sbom\r\n{DIGEST}  kind-linux-amd64\r\n",
    ],
    ids=["bare", "line", "upper case", "named", "binary mark", "with a folder", "among others"],
)
def test_every_publisher_s_layout_is_read(text: str) -> None:
    assert published_digest(text, "kind-linux-amd64") == DIGEST


@pytest.mark.parametrize("text", ["", "<html>404</html>", f"{DIGEST}  kind-darwin-amd64\n", "abc  kind-linux-amd64"])
def test_what_is_not_there_is_not_guessed(text: str) -> None:
    assert published_digest(text, "kind-linux-amd64") is None
