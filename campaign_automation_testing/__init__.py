"""Tests against the sandbox: Meta, TikTok, Google Ads, Gemini and a Web Platform in one process.

`plugin` is loaded by pytest wherever the package is installed; docs/embedding.md shows its fixtures.
"""
