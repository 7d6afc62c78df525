# `make help` lists what there is. Everything lands in .venv/ and data/; nothing else is touched.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
WORLD ?= demo
BIN := .venv/bin
STAMP := .venv/.installed
BENCH_STAMP := .venv/.bench-installed
export TOUCHPROOF_WORLD := $(WORLD)

RUN_FLAGS := $(if $(NIGHT),--night $(NIGHT)) $(if $(filter 1 yes true,$(QUIET)),--quiet) \
	$(if $(DATA),--data $(DATA)) $(if $(CUSTOMERS),--customers $(CUSTOMERS)) \
	$(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED))

.PHONY: help setup run ui test test-long lint types lock bench pictures pack-pictures clean chromium

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo
	@echo "make run takes NIGHT=YYYY-MM-DD, QUIET=1, WORLD=name, DATA=file, CUSTOMERS=n, DAYS=n, SEED=n"

setup: $(STAMP)  ## install the locked packages into .venv

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "touchproof needs Python 3.11 to 3.13; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e .
	touch $@

run: setup  ## run a night of the world WORLD (default demo) through the real DAGs
	@$(BIN)/python -m touchproof_airflow run $(RUN_FLAGS)

ui: setup  ## open Airflow on the same data; prints address and login
	@$(BIN)/python -m touchproof_airflow ui

test: setup chromium  ## run every test but the long ones (about 15 minutes on 2 cores)
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadscope

test-long: setup chromium  ## run the tests that take minutes each
	$(BIN)/python -m pytest -m long -n 2 --dist loadscope --ignore tests/e2e
	$(BIN)/python -m pytest -m long tests/e2e  # alone: they measure a scheduler

lint: setup  ## check Python and SQL style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests --config dbt_project/.sqlfluff

types: setup  ## check types strictly
	$(BIN)/mypy

bench: $(BENCH_STAMP)  ## print the figures of docs/benchmarks.md (needs a C++ compiler)
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

pictures: $(BENCH_STAMP)  ## draw the pictures of docs/analysts.md from the world WORLD
	$(BIN)/python docs/pictures.py data/$(WORLD)

pack-pictures: setup  ## draw the pictures of docs/finance.md (needs poppler-utils and libreoffice-calc)
	$(BIN)/python docs/pack_pictures.py

$(BENCH_STAMP): $(STAMP) requirements-bench.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-bench.txt
	touch $@

# The image's list is the development lock without Airflow and what only Airflow needs.
lock: setup  ## resolve both requirement files anew (Python 3.11 to 3.13)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock (resolved for Python 3.11 to 3.13, tested on 3.11)" --extra dev \
		pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock (resolved for Python 3.11 to 3.13, tested on 3.11)" --extra bench \
		--constraint requirements-dev.txt pyproject.toml -o requirements-bench.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --constraint requirements-dev.txt \
		--override <(echo "apache-airflow ; sys_platform == 'never'") pyproject.toml \
		-o .requirements.tmp
	{ echo "# Packages for the image, resolved for Python 3.11 to 3.13 and tested on 3.11 (make lock)."; \
	  echo "# Airflow comes with the image and may not be in this file."; \
	  grep -v "sys_platform == 'never'" .requirements.tmp; } > requirements.txt
	rm .requirements.tmp

chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
		{ echo "The page tests need Debian's package chromium: apt-get install chromium"; exit 1; }

clean:  ## remove the world WORLD's data
	rm -rf "data/$(WORLD)"
