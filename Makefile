GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   = golang.org/x/vuln/cmd/govulncheck@v1.9.0
APIDIFF       = golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4
NFPM          = github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
CYCLONEDX     = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
EMBEDDED      = ./actors/... ./transport ./transport/frame ./transport/monitor ./transport/nextcloud ./transport/selftest ./client/...
HELM          = helm.sh/helm/v3/cmd/helm@v3.22.0
VERSION      ?= $(shell git describe --tags --dirty 2>/dev/null | sed 's/^v//')
FUZZTIME     ?= 30s

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the binary notify_push as releases have it: the server, without demo and loadtest
	CGO_ENABLED=0 go build -tags server -trimpath -ldflags '-s -w -X github.com/notifypush/notifypush/cli.version=$(VERSION)' -o notify_push .

.PHONY: demo
demo: ## Run the demo: everything embedded, and a page that shows pushes arrive
	go run . demo

.PHONY: test
test: ## Run the tests; those that need a server which is not installed are skipped
	go test ./...

.PHONY: race
race: ## Run the tests with the race detector, ten times over
	go test -race -count=10 -timeout 2h ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

.PHONY: faults
faults: ## Break everything around the running server; FAULTS_LONG=1 for long, FAULTS_SOAK=2h for ever
	go test ./test -run '^TestFaults' -count=1 -v -timeout 24h

.PHONY: bench
bench: ## Run the benchmarks, those of the table of targets among them; about ten minutes
	go test -run '^$$' -bench . -benchmem -timeout 60m ./...

.PHONY: lint
lint: ## Check formatting, and run go vet and golangci-lint
	test -z "$$(gofmt -l .)"
	go vet ./...
	go vet -tags server . ./cli
	go run $(GOLANGCI_LINT) run

.PHONY: library
library: ## Check what other programs embed: on other systems, from a module of its own, against the last release
	for os in darwin freebsd windows; do GOOS=$$os go vet $(EMBEDDED) || exit 1; done
	cd docs/examples && go vet ./... && go test ./...
	.ci/api $(APIDIFF)

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what is called
	.ci/vuln $(GOVULNCHECK)

.PHONY: docs
docs: ## Write docs/configuration.md anew from the declarations of the settings
	go generate ./...

.PHONY: release
release: ## Make dist/: static binaries for all architectures, deb, rpm, image, SBOM, checksums
	GOFLAGS="$$(go env GOFLAGS) -tags=server" .ci/release $(NFPM) $(CYCLONEDX)

.PHONY: packages
packages: ## Try what make release made: under qemu, on a bare Debian, out of the image
	.ci/packages

.PHONY: chart
chart: ## Have Helm and the schemas of Kubernetes read the chart
	.ci/chart $(HELM)
