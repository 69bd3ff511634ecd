# `make` lists the targets. Needs Go 1.26, gcc, make, bash, npm or python3 with pip, and for the tests python3 with venv; the rest is fetched, pinned
# and verified: libraries into .deps, tools into bin/tools.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
export CGO_ENABLED := 1

bin   := $(CURDIR)/bin
tools := $(bin)/tools
deps  := $(CURDIR)/.deps

# The version comes from -ldflags; stamping it again would fail in an export or in another user's checkout.
gobuild := go build -buildvcs=false
# A tool is built in the module that pins it, which a build must never change.
gotool  := GOFLAGS='-mod=readonly -buildvcs=false' go build -C

# TEMPORAL_CLI names the temporal CLI to use. Without it the demo takes the one on PATH, and tests, which must not
# depend on what is there, the pinned one.
TEMPORAL_CLI ?=
demo_temporal := $(or $(TEMPORAL_CLI),$(shell command -v temporal),$(tools)/temporal)
test_temporal := $(or $(TEMPORAL_CLI),$(tools)/temporal)

# What `make test` and `make fuzz` run over, and further arguments for go test.
PKG  ?= ./...
ARGS ?=

# How much `make bench-data`, `make bench-registry` and `make bench-serving` take: full or small.
SIZE ?= full

# Where `make gpu-bundle` puts what it gathers.
DEST ?= $(CURDIR)/.deps/gpu-bundle

# Assigned before it is exported: export alone would hide that the script failed.
onnxruntime := ONNXRUNTIME_LIB="$$(scripts/onnxruntime.sh $(deps)/onnxruntime)"; export ONNXRUNTIME_LIB

mlflow := MLFLOW_PYTHON="$$(scripts/python-mlflow.sh $(deps)/mlflow-venv)"; export MLFLOW_PYTHON

torch := TORCH_PYTHON="$$(scripts/torch.sh)"; export TORCH_PYTHON

h2load := H2LOAD="$$(scripts/h2load.sh)"; export H2LOAD

# Each peer of bench-serving has a Python environment of its own: their pins don't go together.
serving       := $(deps)/bench-serving
serving_peers := $(basename $(notdir $(wildcard examples/bench/serving/peers/*.txt)))

step = @printf '==> %s\n' '$(1)'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## fetch ONNX Runtime and the Go modules
	$(call step,deps: ONNX Runtime)
	@scripts/onnxruntime.sh $(deps)/onnxruntime
	$(call step,deps: Go modules)
	@go mod download

.PHONY: torch
torch: ## install what runtimes/torch needs, Debian's python3-torch (TORCH_PYTHON names a Python that has it)
	$(call step,torch: a Python for runtimes/torch)
	@scripts/torch.sh

.PHONY: build
build: ## build bin/slipway and bin/slipwayd
	$(call step,build: slipway and slipwayd $(VERSION))
	@$(gobuild) -ldflags '-X main.version=$(VERSION)' -o $(bin)/slipway ./starter
	@$(gobuild) -ldflags '-X main.version=$(VERSION)' -o $(bin)/slipwayd ./worker

.PHONY: demo
demo: deps build $(filter $(tools)/%,$(demo_temporal)) ## release a real model four times on a local stack (ARGS=...)
	$(call step,demo: build)
	@$(gobuild) -o $(bin)/demo ./examples/demo
	$(call step,demo: run)
	@$(onnxruntime); \
	TEMPORAL_CLI='$(demo_temporal)' SLIPWAY_BIN='$(bin)' exec $(bin)/demo $(ARGS)

.PHONY: test
test: deps build $(filter $(tools)/%,$(test_temporal)) $(tools)/versitygw ## run all tests against real servers (PKG=./... ARGS=...)
	$(call step,test: with PostgreSQL, PyTorch and the stock MLflow client)
	@$(onnxruntime); $(mlflow); $(torch); \
	TEMPORAL_CLI='$(test_temporal)' SLIPWAY_TEST_S3_SERVER='$(tools)/versitygw' SLIPWAY_BIN='$(bin)' \
	scripts/postgres.sh run scripts/gotest.sh '$(PKG)' $(ARGS)

.PHONY: fuzz
fuzz: deps ## run each fuzz target for 20 s (PKG=./...)
	$(call step,fuzz: 20 s each)
	@$(onnxruntime); \
	for package in $$(go list $(PKG)); do \
	  for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    printf '==> fuzz: %s %s\n' "$$package" "$$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 20s $(ARGS) "$$package"; \
	  done; \
	done

.PHONY: bench-data
bench-data: build $(deps)/bench-venv/installed ## measure slipway data against its peers, some 10 minutes (SIZE=small for a quick look, ARGS=...)
	$(call step,bench-data: build)
	@$(gobuild) -o $(bin)/bench-data ./examples/bench/data
	$(call step,bench-data: run)
	@exec $(bin)/bench-data -size '$(SIZE)' -bin '$(bin)' -peers $(deps)/bench-venv $(ARGS)

.PHONY: bench-registry
bench-registry: deps build $(filter $(tools)/%,$(test_temporal)) ## measure tracking against an MLflow server, some 15 minutes (SIZE=small for a quick look, ARGS=...)
	$(call step,bench-registry: build)
	@$(gobuild) -o $(bin)/bench-registry ./examples/bench/registry
	$(call step,bench-registry: run)
	@$(onnxruntime); $(mlflow); \
	TEMPORAL_CLI='$(test_temporal)' scripts/postgres.sh run $(bin)/bench-registry -size '$(SIZE)' -bin '$(bin)' $(ARGS)

.PHONY: bench-serving
bench-serving: deps build $(serving_peers:%=$(serving)/%/installed) $(serving)/network.onnx ## measure serving against its peers and ONNX Runtime alone, some 15 minutes (SIZE=small for a quick look, ARGS=...)
	$(call step,bench-serving: build)
	@$(gobuild) -o $(bin)/bench-serving ./examples/bench/serving
	$(call step,bench-serving: run)
	@$(onnxruntime); $(h2load); \
	exec $(bin)/bench-serving -h2load "$$H2LOAD" -size '$(SIZE)' -bin '$(bin)' -peers $(serving) -network $(serving)/network.onnx $(ARGS)

.PHONY: gpu-bundle
gpu-bundle: $(serving)/network.onnx ## gather what gpu-check needs on a machine with CUDA and no network (DEST=.deps/gpu-bundle)
	$(call step,gpu-bundle: $(DEST))
	@scripts/gpu-bundle.sh '$(DEST)' $(serving)/network.onnx

.PHONY: gpu-check
gpu-check: ## run the engine's tests and the serving benchmark on a CUDA device (ARGS='--device cuda:1 --size full')
	@if ls /dev/nvidia[0-9]* >/dev/null 2>&1 || nvidia-smi -L >/dev/null 2>&1; then \
	  $(MAKE) gpu-bundle && exec '$(DEST)/gpu-check' $(ARGS); \
	else echo 'skipped: no CUDA device'; fi

.PHONY: lint
lint: lint-format lint-modules lint-go lint-workflows lint-deploy lint-scripts ## check the code, the modules and the deployment files

.PHONY: lint-format
lint-format:
	$(call step,lint: gofmt)
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then \
	  printf 'not formatted, run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: lint-modules
lint-modules:
	$(call step,lint: go mod tidy)
	@go mod tidy -diff
	@cd tools/compose && go mod tidy -diff

.PHONY: lint-go
lint-go: $(tools)/golangci-lint
	$(call step,lint: go vet)
	@go vet ./...
	$(call step,lint: golangci-lint)
	@$(tools)/golangci-lint run ./...

.PHONY: lint-workflows
lint-workflows: $(tools)/workflowcheck
	$(call step,lint: workflowcheck)
	@$(tools)/workflowcheck -config workflowcheck.config.yaml -show-pos ./workflows/...

.PHONY: lint-deploy
lint-deploy: $(tools)/compose-config
	$(call step,lint: docker-compose.yml)
	@$(tools)/compose-config docker-compose.yml
	$(call step,lint: Prometheus)
	@if command -v promtool >/dev/null; then \
	  promtool check config --syntax-only deploy/prometheus/prometheus.yml; \
	  promtool test rules deploy/prometheus/rules_test.yml; \
	else echo 'promtool is not installed: rules not checked'; fi

.PHONY: lint-scripts
lint-scripts:
	$(call step,lint: shell scripts)
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run scripts/*.sh deploy/compose/*.sh; \
	else echo 'shellcheck is not installed: scripts not checked'; fi

.PHONY: tools
tools: $(addprefix $(tools)/,temporal versitygw golangci-lint workflowcheck compose-config) ## build the pinned tools

.PHONY: clean
clean: ## stop what the scripts started, remove bin and .deps
	$(call step,clean)
	@scripts/postgres.sh stop
	@rm -rf $(bin) $(deps)

# ---- Tools. Each is built again only when the module that pins it changes. ----

$(tools)/temporal: tools/go.mod tools/go.sum
	$(call step,tool: temporal (some 4 minutes on 2 cores, once))
	@$(gotool) tools -o $@ github.com/temporalio/cli/cmd/temporal
	@touch $@

$(tools)/versitygw: tools/s3/go.mod tools/s3/go.sum
	$(call step,tool: versitygw)
	@$(gotool) tools/s3 -o $@ github.com/versity/versitygw/cmd/versitygw
	@touch $@

$(tools)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	$(call step,tool: golangci-lint (some 2 minutes on 2 cores, once))
	@$(gotool) tools/lint -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(tools)/workflowcheck: tools/lint/go.mod tools/lint/go.sum
	$(call step,tool: workflowcheck)
	@$(gotool) tools/lint -o $@ go.temporal.io/sdk/contrib/tools/workflowcheck
	@touch $@

$(tools)/compose-config: tools/compose/go.mod tools/compose/go.sum tools/compose/main.go
	$(call step,tool: compose-config)
	@$(gotool) tools/compose -o $@ .
	@touch $@

# ---- Peers of the benchmarks, in a Python environment of their own. What does not install is reported as such. ----

bench_peers := $(wildcard examples/bench/data/peers/*.txt)

$(deps)/bench-venv/installed: $(bench_peers)
	$(call step,bench-data: peers)
	@mkdir -p $(@D)
	@python3 -m venv $(@D) || echo 'python3 makes no environment: no peers'
	@for peer in $(bench_peers); do \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r "$$peer" || echo "not installed: $$peer"; \
	done
	@touch $@

$(serving)/%/installed: examples/bench/serving/peers/%.txt
	$(call step,bench-serving: $*)
	@rm -rf $(@D); mkdir -p $(@D)
	@if python3 -m venv $(@D) && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<; then touch $@; else echo 'not installed: $*'; fi

$(serving)/network.onnx: examples/bench/serving/network.py examples/bench/serving/network.txt
	$(call step,bench-serving: the larger network)
	@mkdir -p $(@D)
	@python3 -m venv $(@D)/network && $(@D)/network/bin/python -m pip install --quiet --disable-pip-version-check -r examples/bench/serving/network.txt && \
	$(@D)/network/bin/python examples/bench/serving/network.py $@ || echo 'no larger network: its rows are left out'
