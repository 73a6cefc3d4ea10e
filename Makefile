# Everything runs from the checkout's own .venv; every target makes it first where it needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed
NEXT := .venv-hydra-next
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-cluster test-gpu bench bench-gpu parity lint docs wheel test-hydra-next format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install yolograft with the tools of development

# The pins are a set for Python 3.11 and later; 3.10 gets what pip finds within pyproject's ranges.
$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard src/yolograft/compute/native/*.c)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "yolograft needs Python 3.10 or newer; name one: make setup PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): two to six minutes and 6 GB where nothing is cached"
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; \
		then $(BIN)/python -m pip install --disable-pip-version-check -qq -c constraints.txt -e '.[dev]'; \
		else $(BIN)/python -m pip install --disable-pip-version-check -qq -e '.[dev]'; fi
	@touch $@

demo: setup ## train eight variants on made-up pictures and compare them (minutes, CPU is enough)
	$(BIN)/yolograft train experiments=demo

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread per worker: workers that each use every core stand in each other's way.
test: lint ## style, types and the quick tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not cluster and not gpu" -n $(JOBS) --dist worksteal

test-slow: setup ## the tests that take long
	$(BIN)/pytest -m "slow and not cluster and not gpu"

test-cluster: setup ## sweeps on a real Slurm (apt-get install slurm-wlm munge; as root) and a real Ray
	$(BIN)/python -m pip install --disable-pip-version-check -qq -c constraints.txt -e '.[ray]'
	OMP_NUM_THREADS=1 $(BIN)/pytest -m cluster -v -s tests/cluster

# The packages of .venv with another Hydra before them: a .pth file names folders that are searched last.
test-hydra-next: setup ## config and sweep tests with the newest pre-release of Hydra
	@test -x $(NEXT)/bin/python || $(BIN)/python -m venv $(NEXT)
	$(NEXT)/bin/python -m pip install --disable-pip-version-check -qq --upgrade 'hydra-core>=1.4.0rc0,<1.5'
	@{ $(BIN)/python -c '$(SITE)'; echo $(CURDIR)/src; } > $$($(NEXT)/bin/python -c '$(SITE)')/packages.pth
	@$(NEXT)/bin/python -c 'import hydra, omegaconf; print("Hydra", hydra.__version__, "OmegaConf", omegaconf.__version__)'
	OMP_NUM_THREADS=1 $(NEXT)/bin/python -m pytest -m "not slow and not cluster and not gpu" -n $(JOBS) --dist worksteal \
		tests/config tests/sweep tests/cli

test-gpu: setup ## trainings on a CUDA device, six at a time; skipped where there is none
	OMP_NUM_THREADS=1 $(BIN)/pytest -m gpu -n 6 tests/gpu

bench-gpu: setup ## tests, parity, throughput, a sweep and a profile on a CUDA device (8 minutes)
	PYTHON=$(BIN)/python bash benchmarks/gpu.sh

bench: setup ## speed and memory beside ultralytics', into benchmarks/results (an hour; on a quiet machine)
	$(BIN)/python benchmarks/all.py

parity: setup ## compare training with stock's, step by step (minutes)
	$(BIN)/python benchmarks/parity.py

docs: setup ## build the documentation into site/, with every link checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

wheel: setup ## build the wheel, install it into an environment of its own and run it
	rm -rf dist build/wheel
	$(BIN)/python -m build --wheel --no-isolation
	$(BIN)/python -m venv build/wheel
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; \
		then build/wheel/$(notdir $(BIN))/python -m pip install --disable-pip-version-check -qq -c constraints.txt dist/*.whl; \
		else build/wheel/$(notdir $(BIN))/python -m pip install --disable-pip-version-check -qq dist/*.whl; fi
	cd build/wheel && $(notdir $(BIN))/yolograft info backbone=effv1 neck=gsconv
	cd build/wheel && $(notdir $(BIN))/yolograft train experiments=smoke

format: setup ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove caches and build outputs (not .venv, not runs)
	rm -rf build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks conf experiments -name __pycache__ -type d -prune -exec rm -rf {} +
