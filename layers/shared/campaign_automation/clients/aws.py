"""The clients of AWS, each made when first needed: importing boto3 and making one takes 0.3 s of a start."""

from __future__ import annotations

from functools import cached_property
from typing import Any


class Aws:
    """The process's boto3 clients by service."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3

            self._clients[service] = boto3.client(service)
        return self._clients[service]

    def drop_connections(self) -> None:
        """Close what is open: a copy of this process must not go on with connections of the original."""
        clients = [*self._clients.values(), *([self.statistics] if "statistics" in self.__dict__ else [])]
        for client in clients:
            client.close()

    @cached_property
    def statistics(self) -> Any:
        """The Lambda client for computations, with two attempts of 20 seconds."""
        # A computation changes nothing, so a second attempt does no harm; callers wait 29 seconds.
        import boto3
        from botocore.config import Config

        return boto3.client("lambda", config=Config(read_timeout=20, retries={"total_max_attempts": 2}))
