#!/usr/bin/env bash
# Fills a virtual environment from a list of hashes, and leaves out what only building and testing need.
#   install.sh GROUP FOLDER
# GROUP cpu takes torch's CPU wheel where a package index has the one of the list, and else the build of pip's own
# index, which brings CUDA with it. No package whose hash is not in the list is ever unpacked.
set -euo pipefail
group=$1 folder=$2

python -m venv --without-pip "$folder"
if [ "$group" = cpu ]; then
  sed -n '/^torch==/,/[^\\]$/p' cpu.lock > torch.lock
  if ! python -m pip download --quiet --no-deps --require-hashes --dest wheels --requirement torch.lock; then
    echo "No index has the CPU wheel of torch: taking the build with CUDA." >&2
    group=cuda
  fi
fi
mkdir -p wheels
python -m pip --python "$folder/bin/python" install --require-hashes --only-binary :all: --find-links wheels \
  --requirement "$group.lock"

torch=$(echo "$folder"/lib/python3*/site-packages/torch)
rm -rf "$torch/include" "$torch/test" "$torch"/bin/test_* "$torch"/bin/*StoreTest "$torch"/bin/protoc*
for package in numpy sympy networkx; do
  find "${torch%/torch}/$package" -type d -name tests -prune -exec rm -rf {} + 2>/dev/null || true
done
python -m pip --python "$folder/bin/python" uninstall --yes --quiet setuptools
