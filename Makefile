# Everything runs in .venv, which holds exactly what requirements.lock names.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
DAGSTER_CONFIG := data/dagster/dagster.yaml

.DEFAULT_GOAL := help
.PHONY: help install demo dev test soak bench backfill latency queries growth idle detection lint format lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

install: $(INSTALLED) ## make .venv, or bring it up to date (PYTHON=python3.12 to choose)

# The lock is installed by hash, then the package itself without touching it.
$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install $(DAGSTER_CONFIG) ## simulate, land, build and publish two weeks
	$(BIN)/kaikai demo

dev: install $(DAGSTER_CONFIG) ## web interface and daemon on this machine
	DAGSTER_HOME="$(CURDIR)/data/dagster" $(BIN)/dagster dev -w workspace.yaml

$(DAGSTER_CONFIG): # no prerequisite: a copy that somebody edited is left alone
	mkdir -p $(@D)
	cp dagster.local.yaml $@

test: install ## tests, on two cores (ARGS="-k ledger" is handed to pytest)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

soak: install ## random drops, kills and restarts of a daemon (ARGS="--minutes 20 --seed 1")
	$(BIN)/python -m kaikai_assets_tests.soak $(ARGS)

bench: install ## floor, platform, pandas, dbt and Spark over the same files (ARGS="--readings 1000000 10000000")
	$(BIN)/python -m bench.compare $(ARGS)

backfill: install ## a year's build and what its seconds go to (ARGS="--days 30 --postgres")
	$(BIN)/python -m bench.backfill $(ARGS)

latency: install ## from a file's drop to its alert row under a daemon (ARGS="--during-backfill")
	$(BIN)/python -m bench.alert_latency $(ARGS)

queries: install ## the queries of sql/ over a large warehouse (ARGS="--readings 50000000")
	$(BIN)/python -m bench.queries $(ARGS)

growth: install ## time and memory at two sizes (ARGS="--case large_file --gib 0.5")
	$(BIN)/python -m bench.growth $(ARGS)

idle: install ## a sensor's tick with nothing new and ten years of days (ARGS="--days 365")
	$(BIN)/python -m bench.idle $(ARGS)

detection: install ## how well injected defects are found (ARGS="--seed 2")
	$(BIN)/python -m kaikai_assets_tests.detection $(ARGS)

lint: install ## format, style, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## solve requirements.lock anew (needs uv); one version each for all Pythons and platforms
	uv pip compile pyproject.toml --extra test --universal --fork-strategy fewest --generate-hashes \
	    --upgrade --no-strip-extras --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock

clean: ## remove .venv and caches; data/ stays
	rm -rf .venv build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
