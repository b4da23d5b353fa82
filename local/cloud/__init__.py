"""The local cloud: runs the real template, handlers and state machines with no AWS account and no Docker."""

from local.cloud.client import Cloud, CloudError, start

__all__ = ["Cloud", "CloudError", "start"]
