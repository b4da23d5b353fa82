"""The clients of AWS, each made when first needed: importing boto3 and making one takes 0.3 s of a start."""

from __future__ import annotations

from functools import cached_property
from typing import Any

_NAME = "campaign-automation"  # as AWS sees the caller


class Aws:
    """The process's boto3 clients by service."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            # botocore checks each parameter by the service's model, which then checks it itself, and builds
            # its own name anew twice a call: together a sixth to a third of what a call costs here.
            config = Config(parameter_validation=False, user_agent=_NAME)
            self._clients[service] = boto3.client(service, config=config)
        return self._clients[service]

    def drop_connections(self) -> None:
        """Close what is open: a copy of this process must not go on with connections of the original."""
        own = [
            self.__dict__[name] for name in ("statistics", "writing", "handing_over") if name in self.__dict__
        ]
        for client in (*self._clients.values(), *own):
            client.close()

    @cached_property
    def statistics(self) -> Any:
        """The Lambda client for computations, with two attempts of 20 seconds."""
        # A computation changes nothing, so a second attempt does no harm; callers wait 29 seconds.
        import boto3
        from botocore.config import Config

        return boto3.client("lambda", config=Config(read_timeout=20, retries={"total_max_attempts": 2}))

    @cached_property
    def writing(self) -> Any:
        """The Lambda client for texts: one attempt, as the writer goes on to another model or a template."""
        import boto3
        from botocore.config import Config

        return boto3.client("lambda", config=Config(read_timeout=10, retries={"total_max_attempts": 1}))

    @cached_property
    def handing_over(self) -> Any:
        """The Lambda client for what goes on without its caller: what is not taken at once is left."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "lambda", config=Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
        )
