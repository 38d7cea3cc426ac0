"""The services that fixtures can declare."""

from collections.abc import Mapping

from bootstrap.seeds.services.base import Service
from bootstrap.seeds.services.dynamodb.service import DynamoDB
from bootstrap.seeds.services.lambda_.service import Lambda
from bootstrap.seeds.services.s3.service import S3
from bootstrap.seeds.services.secretsmanager import SecretsManager
from bootstrap.seeds.services.sns.service import Sns
from bootstrap.seeds.services.sqs import Sqs


def all_services() -> Mapping[str, Service]:
    """By their key in fixture files, in the order in which things are usually needed."""
    services: tuple[Service, ...] = (SecretsManager(), DynamoDB(), S3(), Sqs(), Sns(), Lambda())
    return {service.name: service for service in services}
