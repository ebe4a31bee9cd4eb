# Everything runs in a virtual environment of its own, made here when it is first needed.
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.PHONY: demo test test-all check format bench clean

demo: $(VENV)/.demo  ## distil scikit-learn's scanned digits: the main job, on real data
	$(BIN)/understudy distill digits

test: $(VENV)/.test  ## every test but those marked slow
	$(BIN)/python -m pytest

test-all: $(VENV)/.test  ## the slow ones too
	$(BIN)/python -m pytest -m "slow or not slow"

check: $(VENV)/.test  ## lint, format and types
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(VENV)/.test  ## the figures of the README, in some ten minutes
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) runs

$(VENV)/bin/python:
	python3 -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[dev]'
	touch $@ $(VENV)/.demo
