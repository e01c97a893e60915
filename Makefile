# Everything a user or a contributor runs. Needs Python >= 3.11, pip and make; uses uv where it is present.
# Only `make check` needs more: npm.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ARGS ?=
WORKERS ?= 3

.PHONY: run install dev test check format protos lock bench clean

run: install ## start everything; arguments: make run ARGS="--port 9000"
	@exec $(BIN)/tailsvc up $(ARGS)

install: $(VENV)/.run.stamp ## the environment to run in

dev: $(VENV)/.dev.stamp ## the environment to test and develop in

# The lock files pin every package with its hashes; the project itself is installed as a link to this folder.
ifdef UV
install_lock = $(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r $(1) && \
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
make_venv = $(UV) venv -q --allow-existing --seed --python $(PYTHON) $(VENV)
else
install_lock = $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && \
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
make_venv = $(PYTHON) -m venv $(VENV)
endif

$(VENV)/bin/python:
	@echo "Creating $(VENV) ..."
	@$(make_venv)

$(VENV)/.run.stamp: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing $< ..."
	@$(call install_lock,$<)
	@touch $@

$(VENV)/.dev.stamp: requirements/dev.lock $(VENV)/.run.stamp
	@echo "Installing $< ..."
	@$(call install_lock,$<)
	@touch $@

# Side by side, since most tests wait for something; a file's tests stay together, for what they share. Compiled first:
# where Python is told to write no bytecode, each of the hundreds of processes would do it for itself.
test: dev ## the whole suite; arguments: make test ARGS="-k cursor"
	@$(BIN)/python -m compileall -q -j 0 apps config tailsvc tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# What only looks at the code needs settings, but no database.
check: export TAILSVC_SECRET_KEY = for checks only
check: export DATABASE_URL = postgresql://nobody@127.0.0.1:1/nowhere
check: export TAILSVC_DATABASE_POOL = 0
check: dev node_modules/.stamp ## style, types, layers, migrations, forms of the compose file and of the API's schema
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node_modules/.bin/tsc --project .
	$(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/python -W ignore manage.py spectacular --validate --fail-on-warn --file /dev/null

# What looks at the console's scripts; running tailsvc needs nothing of npm.
node_modules/.stamp: package-lock.json
	npm ci --no-audit --no-fund --silent
	@touch $@

format: dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

PROTO := dodil/ignite/v1/compute
protos: dev ## make Python modules of the .proto files
	@mkdir -p build/protos
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=build/protos --pyi_out=build/protos protos/$(PROTO).proto
	cp build/protos/$(PROTO)_pb2.py build/protos/$(PROTO)_pb2.pyi tailsvc/dialects/ignite/

lock: ## renew the lock files (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --no-annotate pyproject.toml -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --no-annotate --extra dev pyproject.toml -o requirements/dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --no-annotate requirements/clients.in -o requirements/clients.lock

bench: dev ## measure ingest and queries; arguments: make bench ARGS="--events 200000"
	$(BIN)/python -m benchmarks.run $(ARGS)

clean: ## remove the environment and what tools left behind; data in .tailsvc stays
	rm -rf $(VENV) build node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
