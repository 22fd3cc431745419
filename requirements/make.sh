#!/usr/bin/env bash
# Writes the lists of hashes that the image is built from, out of pyproject.toml and constraints.txt (`make locks`).
#   cpu.lock   the service and the trainer with torch's CPU wheel, for the image's own platform
#   cuda.lock  the same with torch as pip's own index has it
#   gpu.lock   the trainer on an NVIDIA GPU
# TORCH_WHEELS is a folder, or a page of links, with that CPU wheel: pip's own index does not have it.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
PYTHON_VERSION=3.11.9  # what python:3.11-slim is, or later

compile() {
  "$uv" pip compile pyproject.toml --quiet --constraint constraints.txt --python-version "$PYTHON_VERSION" \
    --generate-hashes --no-header --no-annotate "$@"
}

compile --group cpu --universal --output-file requirements/cuda.lock
compile --group gpu --universal --output-file requirements/gpu.lock
if [ -n "${TORCH_WHEELS:-}" ]; then
  compile --group cpu --python-platform x86_64-manylinux_2_28 --find-links "$TORCH_WHEELS" \
    --output-file requirements/cpu.lock
  grep -q '^torch==.*+cpu' requirements/cpu.lock || { echo "no CPU wheel of torch in $TORCH_WHEELS" >&2; exit 1; }
else
  echo "cpu.lock is as it was: TORCH_WHEELS is not set" >&2
fi
