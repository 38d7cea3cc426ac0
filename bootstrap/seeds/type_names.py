"""How values are named to the reader."""

_WORDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((dict,), "a mapping"),
    ((list, tuple), "a list"),
    ((bool,), "true or false"),
    ((int, float), "a number"),
    ((str,), "text"),
    ((bytes,), "binary data"),
)


def kind_of(value: object) -> str:
    """`a mapping`, `a list`, `text`, `true or false`, `a number`, `nothing`."""
    return next((word for kinds, word in _WORDS if isinstance(value, kinds)), "nothing")
