# Every target sets up what it needs. `make help` lists them.

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PKGS     := ./...
# The race detector needs a C compiler, which a fresh machine may lack.
export CGO_ENABLED ?= 1

# Where tests and their servers keep what they write: in memory where there is room, since
# what the disk of a database costs is not what they are about.
SCRATCH := $(shell free=$$(df -k --output=avail /dev/shm 2>/dev/null | tail -1); \
	[ "$${free:-0}" -gt 8000000 ] && [ -w /dev/shm ] && echo /dev/shm || echo "$${TMPDIR:-/tmp}")

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## sell a limited stock from several processes, with every strategy side by side
	@CGO_ENABLED=0 go run ./cmd/pawl lab flashsale

.PHONY: build
build: ## build bin/pawl
	CGO_ENABLED=0 go build -trimpath -o bin/pawl ./cmd/pawl

.PHONY: test
test: compiler servers ## run every test with the race detector
	TMPDIR=$(SCRATCH) go test -race -count=1 -timeout=20m $(PKGS)

.PHONY: lint
lint: ## check formatting, vet for every system, run golangci-lint
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	GOOS=darwin CGO_ENABLED=0 go vet $(PKGS)
	GOOS=windows CGO_ENABLED=0 go vet $(PKGS)
	CGO_ENABLED=0 $(GOLANGCI) run

.PHONY: bench
bench: servers ## measure what docs/benchmarks.md reports
	go test -run '^$$' -bench . -benchmem . ./memlock ./sqlitelock ./cmd/pawl
	cd bench && go run . -json ../bin/bench.json

.PHONY: docs
docs: servers ## measure what docs/locking.md reports
	PAWL_DOCS=write go test -count=1 -run '^TestMatrix$$' ./sqlexplain

.PHONY: compiler
compiler:
	@command -v gcc >/dev/null || command -v clang >/dev/null || ./.ci/install gcc libc6-dev

.PHONY: servers
servers:
	@./.ci/servers
