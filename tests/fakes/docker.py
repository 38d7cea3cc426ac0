"""What tests marked `docker` share."""

import os

import pytest

from bootstrap.docker.engine import connect, engine_answers


def require(*images: str) -> None:
    """Skip, saying why, where no engine answers or an image is missing."""
    if not engine_answers(os.environ):
        pytest.skip("no Docker engine answers")
    client = connect(os.environ)
    try:
        here = {tag for image in client.images.list() for tag in image.tags}
    finally:
        client.close()
    if missing := [image for image in images if image not in here]:
        pytest.skip(f"the engine has no image {', '.join(missing)}")
