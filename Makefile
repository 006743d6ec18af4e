# `make help` lists the targets. Nothing has to be installed first but python3 with pip, gcc, make.

# Which Python: 3.14t or 3.15t (free-threaded), 3.11 or the like (with a GIL), or gil (any of those).
# Only the command line sets it: a PYTHON found in the environment is about something else.
PYTHON = 3.14t

VENV = .venv$(if $(filter-out 3.14t,$(PYTHON)),-$(PYTHON))
FIND = python3 .ci/interpreter.py
TESTED = $(if $(filter command,$(firstword $(origin PYTHON))),$(PYTHON),3.14t 3.15t gil)
# Linters need no free-threaded Python, and mypy is compiled for the others only.
LINT = .venv-gil/bin

.PHONY: help env run test test-one coverage soak heap reordered outside bench fuzz terminal wheel lint format \
    pydebug clean force

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
	@echo 'env and test take PYTHON=VERSION: 3.14t, 3.15t, 3.11 or the like, or gil'

env: $(VENV)/.ready ## an environment to work in: .venv on 3.14t, or .venv-VERSION
	@:

# An environment: its Python, its directory, the groups of what else is in it.
define environment
@python=$$($(FIND) $(1)) && uv=$$(python3 .ci/get_uv.py) && \
echo "setup: $(2) with $$python" >&2 && \
"$$uv" venv --quiet --clear --no-project --python "$$python" $(2) && \
"$$uv" pip install --quiet --python $(2)/bin/python --editable . $(3) && \
touch $@
endef

# Made anew when the project's settings change or its interpreter is gone.
$(VENV)/.ready: pyproject.toml $(shell test -x $(VENV)/bin/python || echo force)
	$(call environment,$(PYTHON),$(VENV),--group test $(if $(filter gil,$(PYTHON)),--group lint))

run: env ## a threaded program, and the true refcounts of its types
	$(VENV)/bin/inspector run examples/pipeline.py

# All environments come first: tests on one Python look at processes of the others.
test: ## the tests, on 3.14t, 3.15t and a Python with a GIL
	@for version in $(TESTED); do \
	    $(MAKE) --no-print-directory env PYTHON=$$version || exit; \
	done; \
	failed=; \
	for version in $(TESTED); do \
	    echo; echo "## tests on $$version"; \
	    $(MAKE) --no-print-directory test-one PYTHON=$$version || failed="$$failed $$version"; \
	done; \
	if [ -n "$$failed" ]; then echo "## tests failed on:$$failed"; exit 1; fi

# All tests share the processors; some that are named run one after the other.
test-one: env
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	$(VENV)/bin/python $(MEASURED) -m pytest $(if $(MEASURED),-p no:cov) \
	    $(or $(TESTS),-n logical --dist worksteal)

# Processes that tests start are measured too, each into a file of its own.
coverage: ## lines and branches that the tests reach on all of these Pythons together (long)
	@for version in $(TESTED); do \
	    $(MAKE) --no-print-directory env PYTHON=$$version || exit; \
	done
	@rm -f .coverage .coverage.*
	@export COVERAGE_FILE=$(CURDIR)/.coverage COVERAGE_RCFILE=$(CURDIR)/pyproject.toml; failed=; \
	for version in $(TESTED); do \
	    $(MAKE) --no-print-directory test-one PYTHON=$$version \
	        MEASURED='-m coverage run --source=$(CURDIR)/inspector' || failed="$$failed $$version"; \
	done; \
	$(VENV)/bin/python -m coverage combine --quiet && $(VENV)/bin/python -m coverage report && \
	if [ -n "$$failed" ]; then echo "## tests failed on:$$failed"; exit 1; fi

pydebug: env ## the live tests against a --with-pydebug build (built once, then slow)
	@debug=$$($(FIND) 3.14t-debug) && variables=$$($(FIND) --for-tests 3.14t-debug) && \
	eval "$$variables" && $(VENV)/bin/python -m pytest tests/live

reordered: env ## the heap's tests against a build whose allocator has its structures in another order (built once)
	@$(FIND) 3.14t-reordered >/dev/null && variables=$$($(FIND) --for-tests 3.14t-reordered) && \
	eval "$$variables" && $(VENV)/bin/python -m pytest -k reordered \
	    tests/live/test_heap.py tests/soak/test_heap.py

# Readings of each kind for each of two versions.
READINGS = 1000
heap: ## the heap of processes that never rest: READINGS=1000 in a pause and as many without (long)
	@for version in 3.14t 3.15t; do \
	    INSPECTOR_READINGS=$(READINGS) \
	    PYTEST_ADDOPTS='-s -o faulthandler_timeout=9000' \
	    $(MAKE) --no-print-directory test-one PYTHON=$$version TESTS=tests/soak/test_heap.py || exit; \
	done

# Seconds for each of two versions; what is not done by then is said.
SOAK = 2100
soak: ## 100,000 exact snapshots and 50,000 readings from outside while everything changes, on 3.14t and 3.15t (an hour and a quarter)
	@for version in 3.14t 3.15t; do \
	    INSPECTOR_SOAK=$(SOAK) PYTEST_ADDOPTS='-s -o faulthandler_timeout=$(SOAK)0' \
	    $(MAKE) --no-print-directory test-one PYTHON=$$version TESTS=tests/soak || exit; \
	done

outside: env ## 300 attachments to processes that never rest (long)
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	INSPECTOR_ATTACHES=300 $(VENV)/bin/python -m pytest \
	    -o faulthandler_timeout=9000 tests/live/test_load.py

# Runs of each; contention takes processors that nobody else uses.
RUNS = 20
why: ## whether `inspector why` tells the guilty line, 20 runs of each cause (long; on a machine that rests)
	@for version in 3.14t 3.15t; do $(MAKE) --no-print-directory env PYTHON=$$version || exit; done
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	INSPECTOR_WHY=$(RUNS) $(VENV)/bin/python -m pytest -o faulthandler_timeout=3000 tests/contention

BENCH = tests/benchmarks
# An environment of its own: a plugin that measures is of no use to the tests.
.venv-bench/.ready: pyproject.toml $(shell test -x .venv-bench/bin/python || echo force)
	$(call environment,3.14t,.venv-bench,--group test --group bench)

bench: .venv-bench/.ready ## what is promised of speed, measured side by side (long; on a machine that rests)
	@$(MAKE) --no-print-directory env PYTHON=3.15t
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	INSPECTOR_BENCH=1 .venv-bench/bin/python -m pytest -o faulthandler_timeout=3000 $(BENCH) \
	    --benchmark-json=$(BENCH)/results.json && \
	.venv-bench/bin/python $(BENCH)/report.py $(BENCH)/results.json $(BENCH)/README.md

# Environments of their own: packages that nothing else needs.
.venv-leaks-%/.ready: pyproject.toml
	$(call environment,$*,.venv-leaks-$*,--group test --group leaks)

# Readings of each program at rest, and as many at work.
READINGS = 20
leaks: .venv-leaks-3.14t/.ready .venv-leaks-3.15t/.ready ## what is said to be lost by real programs, on both versions (long)
	@for version in 3.14t 3.15t; do \
	    variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	    INSPECTOR_LEAKS=$(READINGS) .venv-leaks-$$version/bin/python -m pytest -s \
	        -o faulthandler_timeout=3000 tests/leaks || exit; \
	done

# Every run looks elsewhere; `make test` looks at a few hundred places that stay the same.
FUZZ = 100000
fuzz: env ## memory that lies: FUZZ=100000 cases in all (a quarter of an hour on two processors)
	INSPECTOR_FUZZ=$(FUZZ) $(VENV)/bin/python -m pytest -n logical --dist worksteal \
	    --hypothesis-show-statistics -o faulthandler_timeout=7200 \
	    tests/unit/test_fuzz.py tests/unit/test_heap.py

terminal: env ## the dashboard driven by keys in a terminal (long)
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	INSPECTOR_TERMINAL=1 $(VENV)/bin/python -m pytest tests/live/test_dashboard_terminal.py

wheel: ## the wheel, built and installed in fresh environments on each Python
	@for version in 3.14t 3.15t gil; do \
	    $(MAKE) --no-print-directory env PYTHON=$$version || exit; \
	done
	@variables=$$($(FIND) --for-tests) && eval "$$variables" && \
	INSPECTOR_WHEEL=1 .venv/bin/python -m pytest tests/packaging

lint: ## ruff and mypy
	@$(MAKE) --no-print-directory env PYTHON=gil
	$(LINT)/ruff check
	$(LINT)/ruff format --check
	$(LINT)/mypy inspector tests examples .ci/*.py

format: ## what ruff can mend by itself
	@$(MAKE) --no-print-directory env PYTHON=gil
	$(LINT)/ruff format
	$(LINT)/ruff check --fix

clean: ## removes environments and caches of this work tree; interpreters stay in the user's cache
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
