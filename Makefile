# `make repro` runs the main job, `make test` passes the tests; both create .venv first.
PYTHON ?= python3
VENV := .venv
EXPERIMENT := parts
# Of programs too that run others by name. Recipes name theirs in full: make itself may look elsewhere (3.81, macOS).
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
EXPLAINERS := import yaml; print(",".join(yaml.safe_load(open("params.yaml", "rb"))["explainers"]))

# dvc writes the setting into params.yaml for good: this puts the file back as it was before, also when the run fails or is
# interrupted. The shell catches signals, which reach the programs it runs all the same; only mv must not be stopped.
RUN_WITH_SETTING = kept=$$(mktemp params.yaml.XXXXXX) && cp -p params.yaml $$kept || exit; \
	trap : HUP INT QUIT TERM; dvc exp run --set-param "$$setting" $(WHERE); status=$$?; \
	trap '' HUP INT QUIT TERM; mv -f $$kept params.yaml && exit $$status

.PHONY: repro verify full birds peers test lint benchmark clean

repro: $(VENV)/.installed
	$(BIN)/dvc repro
	@echo "report: $(CURDIR)/artifacts/report/index.html"

verify: $(VENV)/.installed ## does the run agree with the committed reference? the rule: reports/compare_verify.py
	$(BIN)/python -m reports.compare reports/reference/parts artifacts/results/parts --verify --out artifacts/comparison

birds: $(VENV)/.installed ## needs BENCH_DATA and BENCH_WEIGHTS, see README
	@setting='run=[parts,birds]'; $(RUN_WITH_SETTING)
	@echo "report: $(CURDIR)/artifacts/report/index.html"

full: WHERE = $(if $(RUN),--set-param "run=[$(RUN)]")
full: $(VENV)/.installed ## the surrogate's ablations and meaningful perturbation too: an hour more; RUN=parts,birds of both
	@names=$$(python -c '$(EXPLAINERS)') || exit; setting="compare=[$$names]"; $(RUN_WITH_SETTING)
	@echo "report: $(CURDIR)/artifacts/report/index.html"

test: $(VENV)/.installed
	$(BIN)/python -m pytest tests

peers: $(VENV)/.installed ## captum, grad-cam, Quantus and torch-cam, which tests/bench/peers compares with
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-peers.lock

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(VENV)/.installed ## the whole throughput suite; the report shows it beside the results of EXPERIMENT
	mkdir -p artifacts/results/$(EXPERIMENT)
	$(BIN)/python -m pytest bench/throughput --benchmark-only --experiment $(EXPERIMENT) \
		--benchmark-json=artifacts/results/$(EXPERIMENT)/benchmarks.json

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

clean:
	rm -rf $(VENV) artifacts
