"""The files of the sandbox, on whichever port it listens."""

from __future__ import annotations

import httpx

from campaign_automation.clients.media_client import TrustedFiles


class LocalFiles(TrustedFiles):
    """Trusts every file of this machine."""

    def hold(self, url: httpx.URL) -> bool:
        return url.host == "127.0.0.1"


LOCAL_FILES = LocalFiles(("http", "127.0.0.1", 0), ())
