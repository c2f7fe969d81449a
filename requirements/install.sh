#!/bin/sh
# requirements/install.sh GROUP: make .venv hold exactly requirements/GROUP.txt, or the larger group it already holds.
# uv itself is pinned by hash; every package is checked against its hash; nothing is built from source.
set -eu
group=$1
python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}

if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "The portal needs Python 3.11 or newer; name one with PYTHON=/path/to/python3.11." >&2
    exit 1
fi
if [ ! -x .venv/bin/python ] && ! "$python" -m venv .venv; then
    echo "$python cannot make a virtual environment; on Debian install python3-venv." >&2
    exit 1
fi
[ ! -e .venv/.test ] || [ "$group" = dev ] || group=test
[ ! -e .venv/.dev ] || group=dev

# A mirror that pip is told to use serves uv too.
if [ -z "${UV_DEFAULT_INDEX:-}" ]; then
    mirror=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
fi
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-copy}" VIRTUAL_ENV="$PWD/.venv"

# The certificates of the system, as pip uses them; uv's own only where there are none.
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"

echo "Installing requirements/$group.txt ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
.venv/bin/uv pip sync --quiet --require-hashes --no-build "requirements/$group.txt" requirements/uv.txt

touch .venv/.embedded
case $group in test) touch .venv/.test ;; dev) touch .venv/.test .venv/.dev ;; esac
