# Everything starts here: each target installs what it needs into .venv first.
.PHONY: setup demo test data-check check bench lock

PYTHON ?= python3
DEMO = A_baseline B4_coreset_random

setup:
	@PYTHON=$(PYTHON) ./install.sh

demo: setup
	.venv/bin/toolwright compare --quick $(addprefix --method ,$(DEMO)) --workers 2 --output runs/quick

test: setup
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE .venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov --cov-report=term

data-check: setup
	.venv/bin/toolwright data check

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: setup
	.venv/bin/python -m bench

lock:
	.venv/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -v -i -E '^(pip|setuptools|py-spy|toolwright|uv)\b' > requirements.lock
