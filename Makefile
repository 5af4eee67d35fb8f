PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Python keeps what it compiles, also where containers switch that off: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

# Each worker imports everything. Plugins by name: pytest compiles the modules of all others too, in each worker.
WORKERS := -n auto --maxprocesses 4 --dist worksteal --disable-plugin-autoload -p xdist

.PHONY: demo test style bench docs fuzz clean

demo: $(VENV)/.installed  ## Build the sample into ./sarchat and show what it holds.
	$(BIN)/sarchat build --sample --out sarchat
	$(BIN)/sarchat space --out sarchat_metric
	@$(BIN)/sarchat demo

test: $(VENV)/.installed  ## All tests but the slow ones.
	$(BIN)/python -m pytest -m "not slow" $(WORKERS)

style: $(VENV)/.installed  ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed  ## Measure speed, memory and size on a corpus of full size.
	$(BIN)/python benchmarks/run.py

docs: $(VENV)/.installed  ## Write the site of the documentation into build/site, and refuse broken links.
	$(BIN)/python -m pip install --quiet --editable '.[test,pictures,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

SECONDS ?= 30
READER ?=

fuzz: $(VENV)/.installed  ## Feed every reader random input, SECONDS each; READER=card tries that one alone.
	$(BIN)/python -m pip install --quiet --only-binary atheris --editable '.[test,pictures,fuzz]'
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) --only '$(READER)'

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed; name it: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,pictures]'
	@touch $@
