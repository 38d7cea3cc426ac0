"""Values with their origins, for `bootstrap config --show-origin`."""

from bootstrap.config.fields import Section
from bootstrap.config.layers import Values, leaves
from bootstrap.model.stack import DeclaredValue
from bootstrap.yamltext.positions import ValuePath, path_text


def shown_values(table: Section, values: Values) -> tuple[DeclaredValue, ...]:
    """Every value, in the order of the table; those of a text map by name."""
    order = [path for path, _field in leaves(table)]

    def rank(path: ValuePath) -> tuple[int, str]:
        # A value belongs to the first field that leads to it (a text map) or that it leads to (a section that is off).
        length = next(
            n for n, prefix in enumerate(order) if prefix == path[: len(prefix)] or prefix[: len(path)] == path
        )
        return length, path_text(path)

    return tuple(
        DeclaredValue(path=path_text(path), value=values[path].value, origin=values[path].origin)
        for path in sorted(values, key=rank)
    )
