#!/bin/sh
# requirements/lock.sh: compile requirements/{base,embedded,test,dev}.txt. The largest group is solved first and
# constrains the others, so that one package has one version everywhere. Extra arguments go to uv (--upgrade).
set -eu
uv=.venv/bin/uv
[ -x "$uv" ] || sh requirements/install.sh embedded
export UV_PYTHON_DOWNLOADS=never UV_CUSTOM_COMPILE_COMMAND="make lock"
compile() {
    "$uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 "$@"
}
echo uv | compile - -o requirements/uv.txt
compile --group pyproject.toml:dev -o requirements/dev.txt "$@"
for group in test embedded base; do
    compile --group "pyproject.toml:$group" -c requirements/dev.txt -o "requirements/$group.txt"
done
