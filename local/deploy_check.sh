#!/bin/sh
# `make deploy-check`: the emulator gets an environment of its own; functions run in its Python, with boto3 as on AWS.
set -eu
cd "$(dirname "$0")/.."

if ! .venv/bin/python -c "import sys; sys.exit(sys.version_info[:2] != (3, 13))"; then
    echo "make deploy-check runs the built layers, which are for Python 3.13, and .venv has another Python:" >&2
    echo "remove .venv, then PYTHON=/path/to/python3.13 make deploy-check." >&2
    exit 1
fi
if ! .venv-deploy/bin/python -c "import ministack, boto3" >/dev/null 2>&1; then
    echo "Setting up the emulator in .venv-deploy ..." >&2
    .venv/bin/python -m venv --clear .venv-deploy
    .venv-deploy/bin/python -m pip install --quiet --disable-pip-version-check "ministack==1.5.33" boto3
fi
exec .venv/bin/python -m local.deploy_check
