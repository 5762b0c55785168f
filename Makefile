# `make` prints the verbs. Two of them do all set-up on a fresh machine: `make demo` and `make check`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CARGO ?= cargo
SCRIPTS ?= 200
RUST_PACKAGES := -p tickstep-sys -p tickstep

include core/native.mk

.DEFAULT_GOAL := help
.PHONY: help demo build build-dev test check fmt fmt-check lint stubtest rust-test fuzz \
	bench dist dist-test clean tools

help: ## print the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/' | expand -t 16

demo: $(VENV)/.made-release ## install into .venv, run the demo backtest and write its report
	$(BIN)/tickstep demo --report tickstep-demo/report.html

build: $(VENV)/.made-release ## install the package with its dependencies into .venv

build-dev: $(VENV)/.made-dev ## the same with everything the tests need, rebuilt when sources change

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv $(VENV)

SOURCES := $(shell find core include crates -name '*.[ch]' -o -name '*.rs' -o -name Cargo.toml) \
	Cargo.lock pyproject.toml

$(VENV)/.made-release: $(BIN)/python $(SOURCES) $(shell find python -name '*.py*' -not -name '*.pyc')
	$(BIN)/python -m pip install --quiet '.[plot]'
	touch $@

$(VENV)/.made-tools: $(BIN)/python requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

$(VENV)/.made-dev: $(VENV)/.made-tools $(SOURCES)
	$(BIN)/python -m pip uninstall --quiet --yes tickstep
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --quiet
	rm -f $(VENV)/.made-release
	touch $@

tools: ## install the system packages that check needs (as root; nothing when they are there)
	@sh tests/system_tools.sh

test: $(VENV)/.made-dev ## the Python tests (SCRIPTS=200 random scripts against the oracle)
	$(BIN)/python -m pytest -q -n auto --scripts $(SCRIPTS)

rust-test: ## the Rust tests, doc tests and lints
	$(CARGO) clippy --locked --quiet --workspace --all-targets -- -D warnings
	$(CARGO) test --locked --quiet $(RUST_PACKAGES)

stubtest: $(VENV)/.made-dev
	$(BIN)/python -m mypy.stubtest tickstep._kernel

fmt: $(VENV)/.made-tools ## format everything
	$(BIN)/ruff format python tests examples benchmarks
	$(BIN)/ruff check --fix python tests examples benchmarks
	$(CARGO) fmt
	clang-format -i core/*.[ch] tests/kernel/*.[ch] examples/c/*.c benchmarks/*.c

fmt-check: $(VENV)/.made-tools
	$(BIN)/ruff format --check python tests examples benchmarks
	$(CARGO) fmt --check

lint: $(VENV)/.made-dev
	$(BIN)/ruff check python tests examples benchmarks
	$(BIN)/python -m mypy

check: tools ## everything CI runs: install what is missing, then all checks and tests
	$(MAKE) build-dev
	$(MAKE) fmt-check lint stubtest
	$(MAKE) native-test
	$(MAKE) rust-test
	$(MAKE) dist-test
	$(MAKE) test SCRIPTS=2000

fuzz: native-fuzz ## fuzz the C entry points until stopped

bench: $(VENV)/.made-dev ## measure and compare (TRADES=file: on real trades too); writes build/bench.json
	$(BIN)/python -m pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python benchmarks/run.py $(if $(TRADES),--trades "$(TRADES)")

dist: $(VENV)/.made-tools ## sdist and wheel into dist/
	rm -rf dist
	$(BIN)/maturin build --release --locked --sdist --out dist

dist-test: dist ## the wheel in an empty environment, and a wheel built from the sdist elsewhere
	sh tests/dist_test.sh $(PYTHON)

clean: ## remove what was built
	rm -rf build dist target $(VENV)
