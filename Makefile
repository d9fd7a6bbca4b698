# make app: the dashboard. make test: everything CI runs. make notebooks: JupyterLab.
# Each needs nothing done before and takes seconds when nothing has changed.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

export OMP_WAIT_POLICY ?= passive

.PHONY: app test notebooks lint check-types check-imports unit clean

app: $(INSTALLED)
	$(BIN)/streamlit run app/main.py

notebooks: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

test: lint check-imports check-types unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-imports: $(INSTALLED)
	$(BIN)/lint-imports

check-types: $(INSTALLED)
	$(BIN)/pyright

unit: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --doctest-modules core tests

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Parallax needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[app,notebooks,test]'
	touch $@

clean:
	rm -rf .venv
