"""The stacks that have something on a Docker engine, whoever made them: the port `LabelledStacks`."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootstrap.model.lease import LabelledStack
from bootstrap.system.work import Work


@dataclass(frozen=True, slots=True)
class LabelledOnEngine:
    """Implements `LabelledStacks` for the engine that an environment names."""

    environment: Mapping[str, str]

    def observe(self) -> Mapping[str, LabelledStack]:
        """See `LabelledStacks.observe`; nothing if no engine is named."""
        from bootstrap.docker.engine import is_pointed_at  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.labels import labelled_stacks  # noqa: PLC0415
        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        if not is_pointed_at(self.environment):
            return {}
        with opened_engine(self.environment) as client:
            return {owned.owner: owned for owned in labelled_stacks(client)}

    def surplus_images(self) -> Sequence[str]:
        """See `LabelledStacks.surplus_images`; none if no engine is named."""
        from bootstrap.docker.baked_images import surplus  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.engine import is_pointed_at  # noqa: PLC0415
        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        if not is_pointed_at(self.environment):
            return ()
        with opened_engine(self.environment) as client:
            return tuple(image.name for image in surplus(client))

    def remove_image(self, name: str) -> None:
        """See `LabelledStacks.remove_image`."""
        from docker.errors import ImageNotFound  # noqa: PLC0415 - the docker library loads slowly

        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        with opened_engine(self.environment) as client, contextlib.suppress(ImageNotFound):
            client.images.remove(name)

    def remove(self, owned: LabelledStack, work: Work) -> None:
        """See `LabelledStacks.remove`."""
        from bootstrap.docker.labels import labelled_stacks, remove_labelled  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.stack_resources import opened_engine  # noqa: PLC0415

        with opened_engine(self.environment) as client:
            now = next((other for other in labelled_stacks(client) if other.owner == owned.owner), None)
            if now is not None and now.expires == owned.expires:
                remove_labelled(client, owned, work)
