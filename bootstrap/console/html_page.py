"""The beginning of every page that is one file: no script runs in it, and it asks no host."""

from collections.abc import Iterator
from html import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page_head(title: str, style: str) -> Iterator[str]:
    """All up to the heading, which is the title; the page ends with `</body>` and `</html>`."""
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>"
    yield f"<h1>{escape(title)}</h1>"
