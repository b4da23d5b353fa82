#!/bin/sh
# `make build`: sam build without Docker. The SAM CLI gets an environment of its own: it pins other versions.
set -eu
cd "$(dirname "$0")/.."
arch=${1:-arm64}

sam=.venv-sam/bin/sam
if ! "$sam" --version >/dev/null 2>&1; then
    echo "Setting up the SAM CLI in .venv-sam ..." >&2
    .venv/bin/python -m venv --clear .venv-sam
    if [ -x .venv/bin/uv ]; then
        VIRTUAL_ENV=$PWD/.venv-sam .venv/bin/uv pip install --quiet "aws-sam-cli>=1.170,<2"
    else
        .venv-sam/bin/python -m pip install --quiet --disable-pip-version-check "aws-sam-cli>=1.170,<2"
    fi
fi

export SAM_CLI_TELEMETRY=0 LAYER_ARCH="$arch" PYTHON="$PWD/.venv/bin/python" PATH="$PWD/.venv/bin:$PATH"
"$sam" validate --lint --region us-east-1
"$sam" build --parameter-overrides "Architecture=$arch" ReleaseId=build --region us-east-1
.venv/bin/python -m local.built .aws-sam/build/template.yaml "$arch"
