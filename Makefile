# Every target sets itself up: a virtual environment in .venv, made again when setup.cfg changes.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.made-from-setup.cfg
HOSTILE := tests:tests/process:tests/hostile:tests/fuzz

.DEFAULT_GOAL := help
.PHONY: help run test check format bench compiled manifests lock conformance fuzz clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed; name one with PYTHON=...") if sys.version_info < (3, 11) else None'
	@echo 'making .venv: a minute or two, this once'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,dev,bench]'
	@touch $@

run: $(STAMP) ## the gateway with two demo model servers; prints what to paste
	@$(BIN)/ai-api-gateway demo

# Three for two cores: the tests of whole processes wait half of their time.
WORKERS ?= 3

test: check ## everything: static checks, the tests, and how many lines of the gateway they run
	@rm -rf build/coverage
	$(BIN)/python -m coverage run -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m 'not alone'
	$(BIN)/python -m pytest -m alone
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python tests/coverage_gate.py

check: $(STAMP) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

BENCH ?= run all
bench: $(STAMP) ## measure beside nginx and whoever is here, half an hour; BENCH="run json" for less; needs nginx and wrk
	$(BIN)/python -m bench $(BENCH)

# The same source, the hot path compiled by mypyc (needs gcc); run it with build/compiled as the working directory.
COMPILED := $(filter-out %/__init__.py %/listener.py %/tls.py, $(wildcard gateway/wire/*.py gateway/balance/*.py gateway/limit/*.py)) \
	$(addprefix gateway/, exchange.py errors.py outbox.py runtime.py drive.py pipeline.py forward.py hedge.py attempt.py routes.py auth/token_cache.py) \
	$(addprefix gateway/observe/, record.py tallies.py access_log.py notation.py)

compiled: $(STAMP) ## the gateway with its hot path compiled to C, into build/compiled; takes a minute or two
	rm -rf build/compiled && mkdir -p build/compiled && cp -R gateway build/compiled/
	cd build/compiled && $(CURDIR)/$(BIN)/mypyc --strict $(COMPILED) > mypyc.log 2>&1 || (grep -i error mypyc.log; false)

manifests: $(STAMP) ## what is generated for operators: chart schema, k8s/base, alerts, dashboard, configuration table
	$(BIN)/python -m gateway.config.document docs/configuration.md
	PYTHONPATH=k8s $(BIN)/python -m ship

lock: $(STAMP) ## pin and hash what the image installs, in requirements.lock and requirements-build.lock
	$(BIN)/uv pip compile setup.cfg --universal --python-version 3.11 --generate-hashes --no-header --upgrade --quiet --output-file requirements.lock
	printf 'setuptools>=77\nwheel\nmypy[mypyc]>=1.18\n' | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --upgrade --quiet --output-file requirements-build.lock

fuzz: $(STAMP) ## look further than the tests do: mutants, atheris, more examples; FUZZ_SECONDS and FUZZ_SEED
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	PYTHONPATH=$(HOSTILE) $(BIN)/python -m fuzz
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=fuzz

conformance: $(STAMP) ## play the corpus of hostile bytes, print docs/conformance.md
	PYTHONPATH=$(HOSTILE) $(BIN)/python -m conformance docs/conformance.md

clean: ## remove what the targets made
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
