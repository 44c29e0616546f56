# kubectl-grayscale. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
MODULE  := github.com/kubectl-grayscale/kubectl-grayscale
LDFLAGS := -s -w -X $(MODULE)/plugin.Version=$(VERSION)

# Tools and the testbed's programs are built once, outside of the tree.
CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/kubectl-grayscale
LINT_VERSION := v2.15.0
LINT := $(CACHE)/golangci-lint-$(LINT_VERSION)/golangci-lint
# Everything but what needs the mesh.
UNIT = $(shell go list ./... 2>/dev/null | grep -v '/internal/e2e')

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## the plugin and the controller, into bin/
	@CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/kubectl-grayscale ./cmd/grayscale-controller

.PHONY: testbed
testbed: build ## bin/testbed, a real mesh on this machine, with all that it runs
	@cd internal/testbed && CGO_ENABLED=0 go build -o ../../bin/testbed ./cmd/testbed
	@bin/testbed build

.PHONY: demo
demo: testbed ## a canary release under load on a real mesh; KEEP=1 leaves it up
	@CGO_ENABLED=0 go build -o bin/demo ./internal/demo
ifdef KEEP
	@bin/testbed up --bare -- bin/demo --keep
else
	@bin/testbed run --bare -- bin/demo
endif

.PHONY: test
test: lint unit e2e demo-short rights ## all tests: lint, pure rooms, API server, real traffic, short demo, rights

.PHONY: lint
lint: $(LINT) ## golangci-lint over both modules; depguard holds the arrows
	@$(LINT) run --allow-parallel-runners ./...
	@cd internal/route/judge && $(LINT) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...
	@cd internal/testbed && $(LINT) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION) (about 3 minutes, once)"
	@CGO_ENABLED=0 GOFLAGS=-mod=mod GOBIN=$(dir $(LINT)).tmp-$$$$ go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) && \
		mkdir -p $(dir $(LINT)) && mv $(dir $(LINT)).tmp-$$$$/golangci-lint $(LINT) && rmdir $(dir $(LINT)).tmp-$$$$

.PHONY: unit
unit: ## tests that need no mesh, with the race detector
	@CGO_ENABLED=1 go test -race -timeout 15m $$(echo '$(UNIT)' | tr ' ' '\n' | grep -v /internal/plan$$)
	@CGO_ENABLED=0 go test -timeout 15m ./internal/plan # values in, values out: nothing to race, and a great many of them
	@echo "Istio's own validation and cluster generation as judges (their first build takes minutes)"
	@cd internal/route/judge && CGO_ENABLED=0 go test ./...
	@cd internal/testbed && CGO_ENABLED=0 go test $$(go list ./... | grep -v /selftest)

# Which rights the controller used in any of the testbeds, since e2e began.
USES := $(CURDIR)/bin/uses.jsonl
INSIDE = bin/testbed run --uses $(USES)
.PHONY: e2e
e2e: testbed ## scenarios under load, on the real mesh
	@rm -f $(USES)
	@($(INSIDE) --bare -- go test -count=1 -p 1 -timeout 10m ./internal/e2e/webhook ./internal/e2e/differential && \
		$(INSIDE) -- go test -count=1 -p 1 -timeout 10m ./internal/e2e/plugin ./internal/e2e/docs && \
		cd internal/testbed && go test -count=1 -timeout 10m ./selftest) & side=$$!; \
	$(INSIDE) -- go test -count=1 -timeout 15m ./internal/e2e && \
		$(INSIDE) --slow-istiod=5s --install-flag=--propagation-delay=7s -- go test -count=1 -timeout 10m ./internal/e2e -slow; main=$$?; \
	wait $$side && exit $$main

.PHONY: rights
rights: ## after e2e: what the controller used there, and since, and what it may
	@go test -count=1 -v ./internal/e2e/leastrights -uses $(USES)

.PHONY: races
races: testbed ## a thousand intents for one Service, on two API servers; takes the whole machine
	@$(INSIDE) --api-servers=2 -- go test -count=1 -timeout 10m ./internal/e2e/races

.PHONY: bench
bench: testbed ## what admission adds to the time of a create, related and unrelated
	@CGO_ENABLED=0 go build -o bin/bench ./internal/bench
	@bin/testbed run -- bin/bench

SOAK ?= 10m
SEED ?=
.PHONY: soak
soak: testbed ## random releases, edits and kills under load; SOAK=10m, SEED=n
	@bin/testbed run -- go test -count=1 -v -timeout 24h ./internal/e2e -run 'TestMesh/SideBySide/Soak' \
		-soak $(SOAK) -soak.kill $(if $(SEED),-soak.seed $(SEED))

FUZZTIME ?= 10m
.PHONY: fuzz
fuzz: ## every fuzzer for FUZZTIME=10m
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' $$pkg/*_test.go | awk '{print $$2}'); do \
			echo "$$pkg $$name for $(FUZZTIME)"; \
			go test $$pkg -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; \
	done

.PHONY: demo-short
demo-short: testbed ## the demo with fewer requests, as the tests run it
	@CGO_ENABLED=0 go build -o bin/demo ./internal/demo
	@$(INSIDE) --bare -- bin/demo --short

.PHONY: dist
IMAGE ?= grayscale-controller:$(VERSION)
dist: ## the plugin's archives for all platforms, krew.yaml filled, into dist/
	@go run ./hack/dist --version $(VERSION) --image $(IMAGE) --out dist

.PHONY: clean
clean: ## remove what was built into the tree
	@rm -rf bin dist
