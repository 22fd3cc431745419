# `make help` lists what there is. Every target works alone in a fresh clone: it makes the virtual environment itself.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv docs docs-pages demo serve test test-slow test-faults test-cluster load lint format bench bench-baselines lock locks sbom compose-check clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --group dev --constraint constraints.txt
	touch $(STAMP)

venv: $(STAMP)  ## the virtual environment .venv, with everything that is pinned

demo: $(STAMP)  ## sample data → trained → served on 127.0.0.1:8000, with one recommendation and its reason
	$(BIN)/python -m app demo

serve: $(STAMP)  ## serve what is imported and activated (settings: KTUP_*)
	$(BIN)/python -m app serve

test: $(STAMP)  ## every test but the slow ones, the faults and the cluster: real PostgreSQL, real Valkey
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not faults and not cluster"

test-slow: $(STAMP)  ## tests that take minutes
	$(BIN)/python -m pytest -m slow --timeout 1800

test-faults: $(STAMP)  ## real processes killed, cut off, starved and swapped; at most ten minutes on two cores
	timeout --signal INT 600 $(BIN)/python -m pytest -n 2 -m faults --timeout 240

$(VENV)/.installed-cluster: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --group cluster --constraint constraints.txt
	touch $@

test-cluster: $(VENV)/.installed-cluster  ## training by several processes, lists of everybody by several workers, a vector engine
	$(BIN)/python -m pytest -m cluster --timeout 600

lint: $(STAMP) docs  ## made pages are fresh, no dead link in the docs; ruff, mypy --strict, import contracts, hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

docs: $(STAMP)  ## the documentation as a site: build/docs/site/index.html
	$(BIN)/python -m documentation check
	$(BIN)/python -m documentation config build/docs/zensical.toml
	$(BIN)/zensical build --strict -f build/docs/zensical.toml

docs-pages: $(STAMP)  ## write the pages that are made of the sources again: API, commands, settings, decisions, pictures
	$(BIN)/python -m documentation write

format: $(STAMP)  ## put the source in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed-bench: $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --group bench --constraint constraints.txt
	touch $@

bench-baselines: $(VENV)/.installed-bench  ## most popular, EASE, ALS: DATA=a data set directory OUT=a JSON file
	$(BIN)/python -m benchmarks.baselines --data $(or $(DATA),$(error DATA=… is missing)) \
	  --out $(or $(OUT),$(error OUT=… is missing)) --threads $(or $(THREADS),1)

bench: $(STAMP)  ## speed, ours beside the peers': DATA=a data set directory PRESET=what trains the model
	$(BIN)/python -m benchmarks --data $(or $(DATA),$(error DATA=… is missing)) \
	  --preset $(or $(PRESET),$(error PRESET=… is missing)) $(ARGUMENTS)

load: $(STAMP)  ## mixed load at half of saturation, with 20 swaps of the release: MINUTES=10
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),10)

lock: $(STAMP)  ## write the versions of this environment to constraints.txt
	$(BIN)/pip freeze --exclude-editable | sed -E 's/\+cpu$$//' | sort -f > constraints.txt

locks: $(STAMP)  ## write the hashes of the image's packages to requirements/ (TORCH_WHEELS: where torch's CPU wheel is)
	UV=$(BIN)/uv bash requirements/make.sh

build/image/.installed: requirements/cpu.lock docker/install.sh
	rm -rf build/image && mkdir -p build/image && cp requirements/*.lock build/image
	cd build/image && PATH="$(abspath $(BIN)):$$PATH" bash ../../docker/install.sh cpu "$$PWD/venv"
	touch $@

sbom: $(STAMP) build/image/.installed  ## list what the image installs, with licences, as CycloneDX JSON: OUT=build/sbom.json
	$(BIN)/cyclonedx-py environment build/image/venv/bin/python --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file $(or $(OUT),build/sbom.json)

compose-check:  ## docker compose up, both calls from outside, down (needs a Docker engine)
	bash tests/compose/check.sh

clean:  ## remove what the targets made
	rm -rf $(VENV) var build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
