"""Check that texts for people use the project's words; prints each place that does not, and ends with 1.

    python scripts/vocabulary.py              every text of the project
    python scripts/vocabulary.py README.md    only these files

Read are help texts, messages and docstrings (all string literals of `bootstrap/`), `docs/` and `README.md`. Code in
documents and string literals that are one word (keys, names of steps) are not prose and are left out.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A wording that the project does not use, and what it writes instead."""

    pattern: re.Pattern[str]
    instead: str
    allowed: re.Pattern[str] | None = None
    """Where the wording stands for something else; the reason is the comment beside the rule."""


def _rule(pattern: str, instead: str, allowed: str | None = None) -> Rule:
    flags = re.IGNORECASE
    return Rule(
        pattern=re.compile(rf"\b(?:{pattern})\b", flags),
        instead=instead,
        allowed=None if allowed is None else re.compile(allowed, flags),
    )


RULES = (
    _rule("anew", "again, or: recreate"),
    _rule("(?:takes?|taken|taking|took) (?:\\w+ ){0,3}away", "remove, delete or uninstall"),
    _rule("mend(?:s|ed|ing)?", "repair"),
    _rule("shortly", "briefly"),
    _rule("(?<!there )(?:is|are|was) no (?!longer|more|one)[a-z]+", "is not a …"),
    _rule("tells?|told|telling", "report, print or show"),
    _rule("where [^.;:]{1,60} (?:is|are) to be", "if … must be"),
    _rule("(?:does|do) not run", "is not running"),
    # The computer that bootstrap runs on is "this machine"; several of them are people's own.
    _rule("machines", "nodes", r"(?:developers|people|users)' machines|machines of (?:developers|people)"),
    _rule("wanted (?:until|for)", "expires"),
    _rule("takes? over|taken over|taking over", "adopt"),
    _rule("(?:is|are) taken by", "in use by"),
    _rule("notes? that something", "warning"),
    _rule("but for", "except for"),
    _rule("lives (?:on|in)|lived in", "runs on, is in"),
    _rule("leads? to no", "points to … that does not answer, does not exist"),
    _rule("for ever", "forever"),
    _rule("(?:is|are) wanted (?:twice|by)", "is declared, is needed"),
    _rule("goes? with (?:placement|provider|driver|--)", "is only for, needs"),
    _rule("nobody (?:is on|says)", "nothing uses, nothing shows"),
    _rule("says not|its log says", "does not say, its log shows"),
    _rule("(?:its|their) time (?:is|was) (?:over|up)|past its time", "has expired, timed out"),
    _rule("to be taken|takes? no (?:images|items|more)", "to be used, accepts no"),
    _rule("is there and|there is not an?", "exists and, there is no"),
    _rule("nothing (?:is )?to note|to note", "no warnings"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One wording in one place."""

    file: str
    line: int
    text: str
    instead: str

    def __str__(self) -> str:
        """`docs/ci.md:5: "takes away": write remove, delete or uninstall`."""
        return f'{self.file}:{self.line}: "{self.text}": write {self.instead}'


def findings_in(text: str, file: str, line: int = 1) -> Iterator[Finding]:
    """What is worded otherwise in a text that begins at this line of a file."""
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            around = text[max(0, match.start() - 40) : match.end() + 40]
            if rule.allowed is None or not rule.allowed.search(around):
                at = line + text.count("\n", 0, match.start())
                yield Finding(file=file, line=at, text=" ".join(match[0].split()), instead=rule.instead)


def prose_of_module(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings and messages of a module with their lines; words alone are keys, and no prose."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, re.sub(r"``?[^`\n]*``?", "", node.value)


def prose_of_document(source: str) -> str:
    """A document without its code, with its lines where they were."""
    blank = re.sub(r"^```.*?^```", lambda match: re.sub(r"[^\n]", "", match[0]), source, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", blank)


def check(file: Path, root: Path) -> list[Finding]:
    """Every finding of a file, by its line."""
    name, source = file.resolve().relative_to(root).as_posix(), file.read_text()
    if file.suffix == ".py":
        places: Iterable[tuple[int, str]] = prose_of_module(source)
    else:
        places = [(1, prose_of_document(source))]
    return sorted((each for line, text in places for each in findings_in(text, name, line)), key=lambda each: each.line)


def main(arguments: list[str]) -> int:
    """Check the files that are named, or all of them."""
    files = [Path(argument) for argument in arguments]
    files = files or [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("bootstrap/**/*.py"))]
    findings = [finding for file in files for finding in check(file, ROOT)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
