#!/bin/sh
# `make lint-deploy`: checkov gets an environment of its own, it pins other versions.
set -eu
cd "$(dirname "$0")/.."

if ! .venv-checkov/bin/checkov --version >/dev/null 2>&1; then
    echo "Setting up checkov in .venv-checkov ..." >&2
    .venv/bin/python -m venv --clear .venv-checkov
    if [ -x .venv/bin/uv ]; then
        VIRTUAL_ENV=$PWD/.venv-checkov .venv/bin/uv pip install --quiet "checkov==3.3.30"
    else
        .venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check "checkov==3.3.30"
    fi
fi
exec .venv/bin/python -m local.lint_deploy
