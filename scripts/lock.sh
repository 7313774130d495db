#!/bin/sh
# Rewrites the locks in requirements/ from pyproject.toml. Needs uv.
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command scripts/lock.sh "$@"
}
compile pyproject.toml -o requirements/main.txt
compile pyproject.toml --group dev -c requirements/main.txt -o requirements/dev.txt
compile pyproject.toml --group train -c requirements/main.txt -o requirements/train.txt
echo "uv" | compile - -o requirements/uv.txt
echo "moto[s3,server]" | compile - -o requirements/s3.txt
! grep -rnE 'https?://' requirements/
