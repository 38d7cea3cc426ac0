"""The services that fixtures can declare."""

from collections.abc import Mapping

from bootstrap.seeds.s3 import S3
from bootstrap.seeds.secretsmanager import SecretsManager
from bootstrap.seeds.service import Service


def all_services() -> Mapping[str, Service]:
    """By their key in fixture files, in the order in which things are usually needed."""
    services: tuple[Service, ...] = (SecretsManager(), S3())
    return {service.name: service for service in services}
