#!/usr/bin/env bash
# The molecule scenarios on simulated workstations, or those that are named. Their playbooks refuse to run on an inventory without workstations
# (molecule itself would call that a success).
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
export MOLECULE_EPHEMERAL_DIRECTORY=$PWD/.cache/molecule-run
scenarios=("$@")
[ $# -gt 0 ] || scenarios=(default app real_minikube)
for scenario in "${scenarios[@]}"; do
  if [ "$scenario" = real_minikube ] && ! command -v minikube >/dev/null; then
    echo "skipped: molecule scenario real_minikube, because there is no minikube on PATH"
  elif [ "$scenario" = real_minikube ] && [ $# = 0 ] && [ "${REAL_MINIKUBE:-}" != true ]; then
    echo "skipped: molecule scenario real_minikube makes a cluster on this machine and takes minutes; run it with REAL_MINIKUBE=true, or as: $0 real_minikube"
  else
    molecule test --scenario-name "$scenario"
  fi
done
