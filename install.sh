#!/usr/bin/env bash
# Creates .venv with the versions of requirements.lock. Without a GPU (nvidia-smi shows none) it takes the CPU build of torch.
#   PYTHON=python3.12 ./install.sh      another interpreter (3.11 to 3.13)
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "install.sh: $python is $("$python" --version 2>&1); Python 3.11, 3.12 or 3.13 is needed (PYTHON=... names another)" >&2; exit 2; }
import sys
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PY

stamp=.venv/.installed
want=$(cat requirements.lock pyproject.toml | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ]; then exit 0; fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

torch=$(grep '^torch==' requirements.lock)
if nvidia-smi -L >/dev/null 2>&1; then
  echo "GPU found: installing $torch with CUDA"
  pip install --quiet "$torch"
else
  echo "No GPU found: installing the CPU build of $torch"
  # uv knows where PyTorch keeps its CPU builds; pip finds one only where it is configured to.
  pip install --quiet "$torch+cpu" 2>/dev/null || { pip install --quiet uv && .venv/bin/uv pip install --quiet --python .venv/bin/python --torch-backend cpu "$torch"; }
fi
echo "Installing $(wc -l < requirements.lock) pinned packages"
pip install --quiet --no-compile -r requirements.lock
pip install --quiet --no-deps --no-compile -e .
echo "$want" > "$stamp"
