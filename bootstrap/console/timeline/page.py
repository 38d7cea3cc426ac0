"""A timeline as one HTML page: it needs no script, no other file and no other host."""

from collections.abc import Iterator
from html import escape

from bootstrap.console.format import lasted
from bootstrap.console.html_page import page_head
from bootstrap.console.timeline.compare import Comparison, differing_rows, row_note, signed, took
from bootstrap.console.timeline.model import STAGES, Bar, PodBar, Timeline
from bootstrap.console.timeline.picture import timeline_svg
from bootstrap.console.timeline.text import path_lines, where_time_went

_STYLE = """
:root { color-scheme: light dark; --edge: #8885; --bad-ink: #c62828; --shade: #8881 }
@media (prefers-color-scheme: dark) { :root { --bad-ink: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem 1.5rem 4rem }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
.wide { overflow-x: auto } .wide svg { min-width: 44rem; width: 100%; height: auto }
table { border-collapse: collapse; width: 100% } th, td { border-bottom: 1px solid var(--edge); padding: .25rem .6rem;
  text-align: left; vertical-align: top } td { overflow-wrap: anywhere }
td.number { text-align: right; white-space: nowrap; overflow-wrap: normal }
details { border-bottom: 1px solid var(--edge); padding: .3rem 0 } summary { cursor: pointer }
details:target { background: var(--shade) } summary small { opacity: .75 } .bad { color: var(--bad-ink) }
pre { background: var(--shade); border-radius: 6px; overflow: auto; padding: .6rem; white-space: pre-wrap }
.key span { display: inline-block; width: 1rem; height: .7rem; margin: 0 .3rem 0 .8rem; border-radius: 2px }
"""


def timeline_html(timeline: Timeline, comparison: Comparison | None = None) -> str:
    """The page; every text in it is escaped. With a comparison it also shows what became slower."""
    title = f"{timeline.run or timeline.command}: {lasted(timeline.seconds)}"
    parts = [
        *page_head(title, _STYLE),
        *_facts(timeline),
        f'<div class="wide">{timeline_svg(timeline, links=True)}</div>',
        _key(timeline),
        *(_comparison(comparison) if comparison is not None else ()),
        *_path(timeline),
        '<h2 id="steps">Steps</h2>',
        *(part for number, bar in enumerate(timeline.bars) for part in _bar(bar, number)),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _facts(timeline: Timeline) -> Iterator[str]:
    ended = "not finished" if timeline.exit_code is None else f"exit code {timeline.exit_code}"
    facts = {
        "command": timeline.command,
        "stack": timeline.stack,
        "began": f"{timeline.began:%Y-%m-%d %H:%M:%S} UTC",
        "ended": f"after {lasted(timeline.seconds)}, {ended}",
        "time": where_time_went(timeline),
    }
    yield _table({name: escape(text) for name, text in facts.items()})


def _table(rows: dict[str, str]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{text}</td></tr>" for name, text in rows.items())
    return f"<table>{cells}</table>"


def _key(timeline: Timeline) -> str:
    """What the colours mean."""
    meanings = {"--path": "on the critical path", "--beside": "beside it", "--bad": "failed"}
    if any(bar.pods for bar in timeline.bars):
        pods = [stage for stage in STAGES.values() if stage]
        meanings |= {f"--s{number}": f"a pod is {stage}" for number, stage in enumerate(pods, start=1)}
    shown = "".join(f'<span style="background: var({name})"></span>{text}' for name, text in meanings.items())
    return f'<p class="key tl">{shown}</p>'


def _path(timeline: Timeline) -> Iterator[str]:
    yield '<h2 id="path">Critical path</h2>'
    yield "<p>The chain of work that the end of the run had to wait for. Only a step on it makes the run shorter.</p>"
    yield "<table><tr><th>share</th><th>time</th><th>step, and what it waited for</th></tr>"
    for share, time, text in path_lines(timeline):
        yield f'<tr><td class="number">{share}</td><td class="number">{time}</td><td>{escape(text)}</td></tr>'
    yield "</table>"


def _comparison(comparison: Comparison) -> Iterator[str]:
    before, now = comparison.before, comparison.now
    yield '<h2 id="compared">What became slower</h2>'
    named = escape(before.run or before.command)
    yield f"<p>Compared with {named}, {lasted(before.seconds)}: {signed(now.seconds - before.seconds)} in sum.</p>"
    yield "<table><tr><th>step</th><th>before</th><th>now</th><th>slower</th><th></th></tr>"
    for row in differing_rows(comparison):
        numbers = (took(row.before), took(row.now), signed(row.slower))
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        yield f"<tr><th>{escape(row.step)}</th>{cells}<td>{escape(row_note(row))}</td></tr>"
    yield "</table>"


def _bar(bar: Bar, number: int) -> Iterator[str]:
    mark = " · on the critical path" if bar.critical else ""
    bad = ' class="bad"' if bar.status == "failed" else ""
    told = escape(f"{lasted(bar.seconds)} · {bar.status}{mark}")
    yield f'<details id="step-{number}"><summary{bad}>{escape(bar.id)} <small>{told}</small></summary>'
    facts = {
        "reason": escape(bar.reason),
        "result": escape(bar.detail),
        "from, to": f"{lasted(bar.start)} to {lasted(bar.end)} after the beginning",
        "needs": "<br>".join(escape(_wait(bar, wait.step, wait.kind, wait.reason)) for wait in bar.waits),
        "began": escape(f"{lasted(bar.waited)} after {bar.after} had ended") if bar.after else "",
        "messages": "<br>".join(
            escape(f"{lasted(said.at)}: {said.text} ({lasted(said.seconds)})") for said in bar.said
        ),
    }
    yield _table({name: text for name, text in facts.items() if text})
    if bar.evidence:
        yield f'<pre class="bad">{escape(chr(10).join(bar.evidence))}</pre>'
    if bar.pods:
        yield from _pods(bar)
    yield "</details>"


def _wait(bar: Bar, step: str, kind: str, reason: str) -> str:
    last = " (ended last)" if step == bar.after else ""
    return f"{step}: {reason} ({kind}){last}" if reason else f"{step}{last}"


def _pods(bar: Bar) -> Iterator[str]:
    heads = "".join(f"<th>{name}</th>" for name in STAGES)
    yield f"<table><tr><th>pod</th><th>node</th>{heads}<th>images</th></tr>"
    yield from map(_pod, bar.pods)
    yield "</table>"


def _pod(pod: PodBar) -> str:
    cells = "".join(f"<td>{lasted(pod.points[name]) if name in pod.points else '-'}</td>" for name in STAGES)
    pulls = "<br>".join(escape(f"{image}: {how}") for image, how in pod.pulls.items())
    restarts = f"<br>{pod.restarts} restarts" if pod.restarts else ""
    return f"<tr><th>{escape(pod.name)}</th><td>{escape(pod.node)}</td>{cells}<td>{pulls}{restarts}</td></tr>"
