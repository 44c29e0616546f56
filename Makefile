# kubectl-grayscale. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/kubectl-grayscale/kubectl-grayscale/plugin.Version=$(VERSION)
export CGO_ENABLED ?= 0

.PHONY: help build testbed
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the plugin and the controller, into bin/
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/kubectl-grayscale ./cmd/grayscale-controller

testbed: build ## bin/testbed: a real mesh on this machine; builds what it needs once
	cd internal/testbed && go build -o ../../bin/testbed ./cmd/testbed
	bin/testbed build
