"""The tests that run the blocks of README and docs, and reasons for commands that cannot be run here."""

from __future__ import annotations

# Blocks of Python by page and first line, each with the test that runs it as it stands.
PYTHON = {
    ("README.md", "from campaign_automation import CampaignAutomation, Limits"): (
        "tests/embedded/test_readme.py::test_the_first_example_runs_as_it_stands"
    ),
    ("docs/agents.md", "import httpx2"): (
        "tests/flows/test_doc_blocks.py::test_the_client_of_the_docs_lists_campaigns"
    ),
    ("docs/agents.md", "call = answer.candidates[0].content.parts[0].function_call"): (
        "tests/embedded/test_gemini_calls.py::test_the_recorded_calls_create_check_and_pause_a_campaign"
    ),
    ("docs/embedding.md", "from campaign_automation import CampaignAutomation, Limits"): (
        "tests/embedded/test_plugin.py::test_the_other_examples_of_the_page_run"
    ),
    ("docs/embedding.md", "import asyncio"): "tests/embedded/test_plugin.py::test_the_example_holds",
    ("docs/languages.md", 'caller = {"user_id": "user_123", "language": "zh"}'): (
        "tests/unit/api/test_languages.py::test_the_example_of_the_docs_prints_what_it_says"
    ),
    ("docs/notices.md", "import base64, hashlib, hmac"): (
        "tests/unit/managers/notices/test_webhooks.py::test_events_are_signed_and_the_secret_is_rotated_without_a_gap"
    ),
}
# Commands of the shell by page and beginning; "*" is each page. All others are run.
NOT_RUN = {
    ("*", "make demo"): "`make newcomer` runs it, from a clone of its own",
    ("*", "make test"): "is the run of the tests itself",
    ("*", "make up"): "the tests start their own cloud; `make newcomer` runs it",
    ("*", "make down"): "would stop the cloud of this clone; `make newcomer` runs it",
    ("*", "make build"): "builds all layers from the registry, minutes long; `make deploy-check` does",
    ("*", "make deploy"): "needs an AWS account; `make deploy-check` deploys to an emulator",
    ("*", "make bench"): "minutes long; its figures are measured on a quiet machine",
    ("*", "make chaos"): "minutes long; tests/property/test_chaos.py runs a share",
    ("*", "make docs"): "tests/infrastructure/test_docs.py compares what it writes",
    ("*", "make lint"): "is run by itself, before each change",
    ("docs/local-cloud.md", "export AWS_ACCESS_KEY_ID"): "is of the SAM CLI's commands below it",
    ("docs/local-cloud.md", ".venv-sam/bin/sam"): "needs Docker; tests/cloud/test_containers.py has its part",
    ("docs/agents.md", "openapi-python-client"): "tests/flows/test_reference.py generates the client",
    ("docs/events.md", "make invoke"): "tests/flows/test_events.py invokes each sample",
    ("docs/events.md", "python -m local.events"): "tests/flows/test_events.py compares what it writes",
}


def is_listed(page: str, command: str) -> bool:
    return any(command.startswith(beginning) and where in ("*", page) for where, beginning in NOT_RUN)
