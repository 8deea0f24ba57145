#!/usr/bin/env bash
# Every static check, one after the other; the first failure ends it. Called by `make lint`, which sets PATH and ANSIBLE_COLLECTIONS_PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '==> %s\n' "$1"; }

step "ruff"
ruff check .
step "mypy"
mypy plugins tests
step "yamllint"
yamllint --strict .
step "ansible-lint (profile production)"
ansible-lint --offline
step "antsibull-changelog"
antsibull-changelog lint
step "antsibull-docs"
( cd "$ANSIBLE_COLLECTIONS_PATH/ansible_collections/gpudev/workstation" && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self . )
step "galaxy build"
rm -rf .cache/build && ansible-galaxy collection build --output-path .cache/build --force >/dev/null
ls -1 .cache/build
step "ansible-test sanity"
tests/sanity.sh
