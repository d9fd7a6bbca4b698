# make app: the dashboard. make test: everything CI runs. make notebooks: JupyterLab.
# make notebooks-html: every notebook, run at toy (or SCALE=smoke) and written to build/notebooks with its figures.
# Each needs nothing done before and takes seconds when nothing has changed.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

export OMP_WAIT_POLICY ?= passive

.PHONY: app test notebooks notebooks-html lint check-types check-imports unit clean

app: $(INSTALLED)
	$(BIN)/lab app

notebooks: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

SCALE ?= toy
PAGES := $(patsubst notebooks/%.ipynb,build/notebooks/%.html,$(sort $(wildcard notebooks/*.ipynb)))

notebooks-html: $(PAGES)

# the renderer puts plotly.js into the page, which is then read without a kernel and without a network;
# always made again, because what a notebook shows also depends on the lab: finished runs are not trained again
build/notebooks/%.html: notebooks/%.ipynb $(INSTALLED) always
	mkdir -p $(@D)
	PLOTLY_RENDERER=notebook $(BIN)/papermill --cwd notebooks --kernel python3 -p SCALE $(SCALE) $< $(@D)/$*.ipynb
	$(BIN)/jupyter nbconvert --log-level WARN --to html $(@D)/$*.ipynb

.PHONY: always
always:

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
