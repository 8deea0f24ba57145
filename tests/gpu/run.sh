#!/usr/bin/env bash
# On a Linux machine with a real NVIDIA GPU: run gpu_guest_info, docker_gpu_probe and gpu_chain_info against the real driver and a real Docker engine, hold
# them to what is expected, and keep what was seen as recordings.
#   tests/gpu/run.sh [FOLDER]      FOLDER: where recordings go, default $OUT, else tests/output/gpu
# With an engine that answers, that one is used (GPUS says how the GPU is asked for, default all). Without one, as root, the one that tests/gpu/gather.sh put
# into .gpu (or $GPU_CARRIED) is started in a network namespace of its own, with a CDI specification, and ended again.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${1:-${OUT:-tests/output/gpu}}")
carried=$(realpath -m "${GPU_CARRIED:-.gpu}")
mkdir -p "$folder"
link=.ansible/collections/ansible_collections/gpudev/workstation
[ -e "$link" ] || { mkdir -p "${link%/*}" && ln -sfn ../../../.. "$link"; }
python=python3
[ -x .venv/bin/python ] && .venv/bin/python -c 'import ansible' 2>/dev/null && python=.venv/bin/python
export PYTHONPATH=$PWD
if ! "$python" -c 'import ansible' 2>/dev/null; then
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  # A wheel is a zip; the modules need nothing of ansible-core but its module_utils.
  "$python" -m zipfile -e "$carried"/ansible_core-*.whl "$site"
  export PYTHONPATH=$PWD:$site
fi
"$python" -m tests.gpu.look "$folder" "$carried" 2>&1 | tee "$folder/log.txt"
