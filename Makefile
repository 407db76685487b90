# Two commands matter: `make demo` and `make test`. Both build .venv first, from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLIENTS := tests/clients/node
CLIENTS_STAMP := $(CLIENTS)/node_modules/.installed

.PHONY: help demo test lint fuzz bench-ingest bench-analysis soak lock fixtures golden clean

help: ## Say what each target does.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@echo "baton: building $(VENV) from requirements.lock (about a minute on a first run)"
	@$(PYTHON) -c 'import sys; sys.exit("baton needs Python 3.11 or later; this is " + sys.version.split()[0] + ": name another with PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m baton.wire.warm
	@$(BIN)/python -m baton.findings.replay
	@touch $@

$(CLIENTS_STAMP): $(CLIENTS)/package.json $(CLIENTS)/package-lock.json $(CLIENTS)/.npmrc
	@echo "baton: installing the JavaScript exporters that tests export with"
	@command -v npm >/dev/null || { echo "tests export with OpenTelemetry's JavaScript SDK too: install Node.js 20 or later, with npm" >&2; exit 1; }
	@npm ci --ignore-scripts --silent --prefix $(CLIENTS)
	@touch $@

demo: $(STAMP) ## Run a small bank against the endpoint and print the dropped-handoff report.
	@$(BIN)/baton demo

lint: $(STAMP) ## Linter, formatter, types, import contracts.
	@echo "baton: ruff" && $(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@echo "baton: mypy" && $(BIN)/mypy
	@echo "baton: import contracts" && $(BIN)/lint-imports --no-logo

test: $(STAMP) $(CLIENTS_STAMP) lint ## Linters, types, import contracts and every test.
	@command -v strace >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -qq -y strace >/dev/null 2>&1; } || true
	@echo "baton: tests" && $(BIN)/pytest --numprocesses 2 --quiet

fuzz: $(STAMP) ## Hold the wire kernels to protobuf's own parser, until it is stopped (FUZZ=-max_total_time=60: for a minute).
	@$(BIN)/python tests/fuzz/fuzz_decode.py tests/fuzz/corpus -max_len=4096 $(FUZZ)

bench-ingest: $(STAMP) ## Measure the endpoint, beside rotel where that installs (about 5 minutes).
	@test -d .venv-rotel || $(PYTHON) -m venv .venv-rotel
	@.venv-rotel/bin/pip install -q --disable-pip-version-check --pre rotel==0.0.1a15 || echo "baton: rotel does not install here"
	@PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

bench-analysis: $(STAMP) ## Measure how millions of spans are judged, beside DuckDB where that installs (about 5 minutes).
	@test -d .venv-duckdb || $(PYTHON) -m venv .venv-duckdb
	@.venv-duckdb/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 || echo "baton: DuckDB does not install here"
	@PYTHONPATH=tests $(BIN)/python -m bench.analysis $(BENCH)

soak: $(STAMP) ## Kill the endpoint 50 times, feed and attack it for minutes, fuzz its decoder (about 20 minutes).
	@PYTHONPATH=tests $(BIN)/python -m soak $(SOAK)
	@$(MAKE) --no-print-directory fuzz FUZZ=-max_total_time=600

lock: ## Pin every dependency, with hashes, for all supported Pythons (needs uv).
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --extra dev pyproject.toml --output-file requirements.lock

fixtures: $(STAMP) ## Record the fixtures anew: the demo bank (15 s) and the simulated one.
	$(BIN)/python -m baton.gameday.record fixtures
	PYTHONPATH=tests $(BIN)/python -m gray.record fixtures/gray-areas

golden: $(STAMP) ## Write the golden files anew; read the difference before you commit it.
	$(BIN)/pytest tests/golden --golden-update --quiet

clean: ## Remove the virtual environment and caches.
	rm -rf $(VENV) .venv-rotel .venv-duckdb .work $(CLIENTS)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
