"""The stacks that have something on a Docker engine, whoever made them: the port `LabelledStacks`."""

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.model.lease import Mark
from bootstrap.system.work import Work


@dataclass(frozen=True, slots=True)
class LabelledOnEngine:
    """Implements `LabelledStacks` for the engine that an environment names."""

    environment: Mapping[str, str]

    def observe(self) -> Mapping[str, Mark]:
        """See `LabelledStacks.observe`; nothing if no engine is named."""
        from bootstrap.docker.engine import is_pointed_at  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.labels import marks  # noqa: PLC0415
        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        if not is_pointed_at(self.environment):
            return {}
        with opened_engine(self.environment) as client:
            return {mark.owner: mark for mark in marks(client)}

    def remove(self, mark: Mark, work: Work) -> None:
        """See `LabelledStacks.remove`."""
        from bootstrap.docker.labels import marks, remove_labelled  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        with opened_engine(self.environment) as client:
            now = next((other for other in marks(client) if other.owner == mark.owner), None)
            if now is not None and now.expires == mark.expires:
                remove_labelled(client, mark, work)
