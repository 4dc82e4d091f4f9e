# `make repro` runs the main job, `make test` passes the tests; both create .venv first.
PYTHON ?= python3
VENV := .venv
EXPERIMENT := parts
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
EVERYTHING := surrogate,surrogate_last_stage,surrogate_no_attention,surrogate_no_distillation,surrogate_attention_only
EVERYTHING := $(EVERYTHING),surrogate_channel_attention,surrogate_attention_transfer,surrogate_no_keep,surrogate_no_drop
EVERYTHING := $(EVERYTHING),surrogate_random_threshold,surrogate_small_student,surrogate_random_teacher
EVERYTHING := $(EVERYTHING),grad_cam,grad_cam_plus_plus,score_cam,rise,meaningful_perturbation,uniform,centre,sobel

.PHONY: repro verify full birds peers test lint benchmark clean

repro: $(VENV)/.installed
	dvc repro
	@echo "report: $(CURDIR)/artifacts/report/index.html"

verify: $(VENV)/.installed ## does the run agree with the committed reference? the rule: reports/compare_verify.py
	python -m reports.compare reports/reference/parts artifacts/results/parts --verify --out artifacts/comparison

birds: $(VENV)/.installed ## needs BENCH_DATA and BENCH_WEIGHTS, see README
	dvc exp run --set-param 'run=[parts,birds]'
	@echo "report: $(CURDIR)/artifacts/report/index.html"

full: $(VENV)/.installed ## the surrogate's ablations and meaningful perturbation too: an hour more
	dvc exp run --set-param 'compare=[$(EVERYTHING)]'
	@echo "report: $(CURDIR)/artifacts/report/index.html"

test: $(VENV)/.installed
	python -m pytest tests

peers: $(VENV)/.installed ## captum, grad-cam, Quantus and torch-cam, which tests/bench/peers compares with
	python -m pip install --quiet --disable-pip-version-check --requirement requirements-peers.lock

lint: $(VENV)/.installed
	ruff check .
	ruff format --check .
	mypy

benchmark: $(VENV)/.installed ## the whole throughput suite; the report shows it beside the results of EXPERIMENT
	mkdir -p artifacts/results/$(EXPERIMENT)
	python -m pytest bench/throughput --benchmark-only --experiment $(EXPERIMENT) \
		--benchmark-json=artifacts/results/$(EXPERIMENT)/benchmarks.json

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

clean:
	rm -rf $(VENV) artifacts
