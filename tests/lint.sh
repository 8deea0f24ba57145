#!/usr/bin/env bash
# Every static check, with its seconds. `ansible-test sanity` takes longest, so it runs beside the others. A failed check does not hide the next;
# any failure fails the whole. Called by `make lint`, which sets PATH and ANSIBLE_COLLECTIONS_PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

LICENCE='# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later'
COLLECTION=$ANSIBLE_COLLECTIONS_PATH/ansible_collections/gpudev/workstation
failed=()

step() {
  local name=$1 began=$SECONDS
  shift
  echo "==> $name"
  if "$@"; then
    echo "    ok, $((SECONDS - began)) s"
  else
    echo "    FAILED: $name, $((SECONDS - began)) s"
    failed+=("$name")
    return 1
  fi
}

licence_lines() {
  local file missing=0
  while IFS= read -r file; do
    if [ -e "$file" ] && [ "$(head -n 3 "$file")" != "$LICENCE" ]; then
      echo "$file:1: does not start with the three licence lines"
      missing=1
    fi
  done < <(git ls-files --cached --others --exclude-standard -- '*.py')
  return "$missing"
}

antsibull_docs() {
  (cd "$COLLECTION" && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .)
}

galaxy_build() {
  rm -rf .cache/build
  ansible-galaxy collection build --output-path .cache/build --force
}

mkdir -p .cache
echo "==> ansible-test sanity starts in the background; its word comes last"
# A process group of its own, so that all of it ends when this script is interrupted.
set -m
step "ansible-test sanity" tests/sanity.sh >.cache/sanity.log 2>&1 &
sanity=$!
set +m
trap 'kill -- "-$sanity" 2>/dev/null || true' EXIT

step "licence lines" licence_lines || true
step "ruff" ruff check . || true
step "mypy" mypy plugins tests docs || true
step "yamllint" yamllint --strict . || true
step "ansible-lint (profile production)" ansible-lint --offline || true
step "antsibull-changelog" antsibull-changelog lint || true
step "antsibull-docs" antsibull_docs || true
step "galaxy build" galaxy_build || true
wait "$sanity" || failed+=("ansible-test sanity")
cat .cache/sanity.log

if [ "${#failed[@]}" -gt 0 ]; then
  printf '==> lint FAILED after %s s:\n' "$SECONDS"
  printf '    %s\n' "${failed[@]}"
  exit 1
fi
echo "==> lint passed in $SECONDS s"
