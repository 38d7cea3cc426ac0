"""The services that fixtures can declare."""

from collections.abc import Mapping

from bootstrap.seeds.dynamodb import DynamoDB
from bootstrap.seeds.lambda_ import Lambda
from bootstrap.seeds.s3 import S3
from bootstrap.seeds.secretsmanager import SecretsManager
from bootstrap.seeds.service import Service
from bootstrap.seeds.sns import Sns
from bootstrap.seeds.sqs import Sqs


def all_services() -> Mapping[str, Service]:
    """By their key in fixture files, in the order in which things are usually needed."""
    services: tuple[Service, ...] = (SecretsManager(), DynamoDB(), S3(), Sqs(), Sns(), Lambda())
    return {service.name: service for service in services}
