"""A report as one HTML page: no scripts, no requests, nothing beside it needed."""

from collections.abc import Iterator, Sequence
from html import escape

from bootstrap.console.html_page import page_head
from bootstrap.console.report.overview import Overview, StepLine
from bootstrap.console.report.section import Section, shortened

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #c62828; --good: #2e7d32; --odd: #b26a00 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem 1.5rem 4rem }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; max-height: 36rem;
  overflow: auto; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; line-height: 1.4 }
table { border-collapse: collapse; width: 100% } th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem;
  text-align: left; vertical-align: top; overflow-wrap: anywhere } th { font-weight: 600 }
details { border-bottom: 1px solid var(--line); padding: .3rem 0 } summary { cursor: pointer }
summary small, .soft { opacity: .7 } .failed, .missing { color: var(--bad) } .done, .unchanged { color: var(--good) }
.not-finished, .cancelled, .skipped, .not-started { color: var(--odd) } .failure { border-left: 4px solid var(--bad) }
"""

_WORST = 6
"""Bytes that escaping makes of one, at most."""
_CELL = 1000
"""Characters of a cell: errors are whole above the table."""


def page_html(overview: Overview, sections: Sequence[Section], limit: int) -> str:
    """The page, in at most `limit` bytes of texts; every text in it is escaped."""
    beginning = "\n".join((*page_head(overview.title, _STYLE), *_overview(overview)))
    rest = _sections(sections, limit - len(beginning.encode()))
    return "\n".join((beginning, *rest, "</body>", "</html>", ""))


def _overview(overview: Overview) -> Iterator[str]:
    if overview.facts:
        yield "<table>"
        yield from (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in overview.facts.items())
        yield "</table>"
    if overview.failures:
        yield '<h2 id="failures">What failed</h2>'
        yield from (f'<pre class="failure">{escape(failure)}</pre>' for failure in overview.failures)
    if overview.missing:
        yield '<h2 id="missing">What could not be read for this report</h2>\n<table>'
        for part, why in overview.missing.items():
            yield f'<tr><th>{escape(part)}</th><td class="missing">{escape(why)}</td></tr>'
        yield "</table>"
    if overview.steps:
        yield '<h2 id="steps">Steps of the last run</h2>'
        yield "<table><tr><th>step</th><th>result</th><th>time</th><th></th></tr>"
        yield from map(_row, overview.steps)
        yield "</table>"


def _row(line: StepLine) -> str:
    cells = "".join(f"<td>{escape(cell[:_CELL])}</td>" for cell in (line.status, line.time, line.detail))
    named = escape(line.status.replace(" ", "-"))
    return f'<tr class="{named}"><th>{escape(line.step)}</th>{cells}</tr>'


def _sections(sections: Sequence[Section], room: int) -> Iterator[str]:
    yield '<h2 id="parts">Everything else</h2>'
    for whole in sections:
        section = whole
        if len(escape(section.text).encode()) > room:
            section = shortened(section, max(0, room) // _WORST)
        room -= len(escape(section.text).encode())
        size = f"{len(section.text.splitlines())} lines" + (f", {section.cut} bytes left out" if section.cut else "")
        yield f"<details><summary>{escape(section.title)} <small>{escape(section.file)} · {size}</small></summary>"
        yield f"<pre>{escape(section.text)}</pre></details>"
