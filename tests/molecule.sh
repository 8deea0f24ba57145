#!/usr/bin/env bash
# The molecule scenario; converge and verify refuse to run on an inventory without workstations (molecule itself would call that a success).
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
export MOLECULE_EPHEMERAL_DIRECTORY=$PWD/.cache/molecule-run
exec molecule test --scenario-name default
