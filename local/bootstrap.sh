#!/bin/sh
# Makes .venv from requirements.lock: finds a Python that works, installs uv inside the environment and
# falls back to pip. Needs no sudo; ends at once when the lock has not changed.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.stamp
want=$(cat requirements.lock local/bootstrap.sh | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && .venv/bin/python -c "" 2>/dev/null; then
    exit 0
fi

# A name on PATH may be a shim that cannot run, so a candidate must prove itself.
usable() {
    "$1" -c "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))" 2>/dev/null
}
python=
for candidate in "${PYTHON:-}" python3.13 "$HOME"/.pyenv/versions/3.13*/bin/python python3.12 python3.11 python3; do
    if [ -n "$candidate" ] && usable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "No usable Python found: install Python 3.11, 3.12 or 3.13 with its venv module" >&2
    echo "(on Debian: python3-venv), or name one with PYTHON=/path/to/python." >&2
    exit 1
fi

echo "Setting up .venv with $("$python" --version) ..." >&2
.venv/bin/python -c "" 2>/dev/null || "$python" -m venv --clear .venv
if .venv/bin/python -m pip install --quiet --disable-pip-version-check uv >&2; then
    VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip install --quiet --require-hashes -r requirements.lock
    VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip install --quiet --no-deps --editable .
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
fi
# Else each of the processes that a test run starts would compile anew what they import together.
.venv/bin/python -m compileall -qq -j 0 -x 'googleads/v2[345]/|/tests?/' .venv/lib layers functions local || true
echo "$want" > "$stamp"
