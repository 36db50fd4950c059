# `make setup` builds .venv; every other target does so first where it must. The steerable competitors need numpy 1,
# and so an environment of their own, .venv-baselines.
PYTHON ?= python3
# Tests run on a few cores, one thread each.
PYTEST := python -m pytest -q -n auto --maxprocesses 4
BIN := .venv/bin
READY := .venv/.ready
BASELINES := .venv-baselines/bin
BASELINES_READY := .venv-baselines/.ready

.PHONY: setup setup-baselines demo test test-browser test-baselines test-all test-lowest test-highest mutants mutants-baselines docs lint types bench chaos clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[all]" --group dev --group docs
	touch $@

setup-baselines: $(BASELINES_READY)

# One of escnn's packages, which only makes it faster, is compiled with gfortran; without one it is left out.
$(BASELINES_READY): pyproject.toml constraints.txt
	test -x $(BASELINES)/python || $(PYTHON) -m venv .venv-baselines
	$(BASELINES)/python -m pip install --quiet --upgrade "pip>=25.1"
	if command -v gfortran; then \
	  $(BASELINES)/python -m pip install --quiet -c constraints.txt -e ".[all,baselines]" --group dev; \
	else \
	  $(BASELINES)/python -m pip install --quiet -c constraints.txt -e ".[all]" --group dev \
	    "numpy<2" "lie-learn>=0.0.2" scipy joblib pymanopt autograd && \
	  $(BASELINES)/python -m pip install --quiet --no-deps "escnn>=1.0.11,<2"; \
	fi
	touch $@

demo: setup
	$(BIN)/regrep demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/$(PYTEST)

test-baselines: setup-baselines
	OMP_NUM_THREADS=1 $(BASELINES)/$(PYTEST) tests/paper/networks tests/paper/steerable

test-all: setup setup-baselines
	OMP_NUM_THREADS=1 $(BIN)/$(PYTEST) -m "slow or not slow"
	OMP_NUM_THREADS=1 $(BASELINES)/$(PYTEST) -m "slow or not slow" tests/paper/networks tests/paper/steerable

# Once on the lowest and once on the highest versions that pyproject.toml allows, each in an environment of its own.
test-lowest: .venv-lowest/.ready
	OMP_NUM_THREADS=1 .venv-lowest/bin/$(PYTEST)

test-highest: .venv-highest/.ready
	OMP_NUM_THREADS=1 .venv-highest/bin/$(PYTEST)

.venv-lowest/.ready .venv-highest/.ready: .venv-%/.ready: pyproject.toml tools/lowest.py
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	if [ $* = lowest ]; then .venv-$*/bin/python tools/lowest.py; fi > .venv-$*/constraints.txt
	.venv-$*/bin/python -m pip install --quiet --upgrade -c .venv-$*/constraints.txt -e ".[all]" --group dev
	touch $@

# Needs Chromium on the path.
test-browser: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt --group browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m browser tests/paper/report

# Under half an hour on two cores: wrong changes of a sample of lines, each of which a test should notice.
mutants: setup
	$(BIN)/python tools/mutants.py --without src/regrep_paper/networks src/regrep_paper/steerable --out results/mutants.json

# The same for what is built on escnn's kernels.
mutants-baselines: setup-baselines
	$(BASELINES)/python tools/mutants.py --only src/regrep_paper/networks src/regrep_paper/steerable \
	  --tests tests/paper/networks tests/paper/steerable src/regrep_paper/networks src/regrep_paper/steerable \
	  --out results/mutants-baselines.json

# The site, static, in build/site; a warning (a link to nowhere, a name without description) is an error.
docs: setup
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/site
	@echo "build/site/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

bench: setup-baselines
	for file in benchmarks/*.py; do $(BASELINES)/python $$file || exit 1; done

# Kills, full disks, damaged files and random calls; CHAOS="--share 0.2 --seed 1" makes it shorter.
chaos: setup
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m chaos $(CHAOS)

clean:
	rm -rf .venv .venv-* build docs/reference/api demo .mypy_cache .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
