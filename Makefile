# What a person types. Everything is idempotent: the second time nothing is fetched or built twice.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Cargo features of what is built: dlgrid/torch is the worker, dlgrid/parquet `dlgrid export --format parquet`.
FEATURES ?= dlgrid/torch
TORCH := --locked --features $(FEATURES)
# More words for the test programs, e.g. TEST_ARGS="-- --show-output".
TEST_ARGS ?=
# Options of slurm/testcluster, e.g. SLURM_ARGS="--dir /tmp/second --nodes 2".
SLURM_ARGS ?=
MAKEFLAGS += --no-print-directory

.PHONY: help build mpi controller demo experiments test torture worlds uml lint bench clean pictures set-up slurm-up slurm-down fuzz chaos bench-fused

help: ## show this list
	@echo "dlgrid: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

set-up: ## fetch libtorch into the cache (543 MB, once per user; not where LIBTORCH is set)
	@setup/libtorch

build: set-up ## build dlgrid and dlgrid-worker in target/release (first time: some minutes)
	@. setup/env; cargo build --release $(TORCH)

mpi: ## build what runs on several GPUs or nodes need (slurm.ranks), with the MPI whose mpicc is on PATH
	@. setup/env; cargo build --release --locked -p dlgrid-mpi

controller: ## build dlgrid alone, without libtorch: all that a login node needs
	@. setup/env; cargo build --release --locked

demo: build ## run a small real sweep on this machine and show its leaderboard
	@$(TARGET)/release/dlgrid data fetch mnist
	@$(TARGET)/release/dlgrid submit --local experiments/demo.yaml
	@$(TARGET)/release/dlgrid report

experiments: build ## run all experiments in full and compare them with their bars (an hour on two cores)
	@$(TARGET)/release/dlgrid data fetch mnist fashion-mnist breast-cancer diabetes digits iris wine
	@DLGRID=$(TARGET)/release/dlgrid experiments/run

# Simulated worlds of `make test`, in a build that is made for speed.
SEEDS ?= 100000
# The tests are built first, so that the dlgrid that fetches their data is the one that they test.
test: set-up ## fetch the data sets of the tests, build and run all tests
	@if setup/mpi; then . setup/env; cargo build --locked -p dlgrid-mpi; fi
	@. setup/env; cargo test --workspace --exclude dlgrid-mpi $(TORCH) --no-run
	@$(TARGET)/debug/dlgrid data fetch mnist fashion-mnist breast-cancer diabetes digits iris wine
	@. setup/env; cargo test --workspace --exclude dlgrid-mpi $(TORCH) $(TEST_ARGS)
	@. setup/env; DLGRID_SIMULATION_SEEDS=$(SEEDS) \
		cargo test --profile torture --locked -p dlgrid-sweep --lib -- --nocapture simulated::

torture: SECONDS = 3600
torture: ## all four of those below, for about SECONDS=3600 altogether, with a table of figures (no libtorch needed)
	@tests/torture $(SECONDS)

# How long, in seconds: make worlds SECONDS=600.
SECONDS ?= 60
worlds: ## lives of sweeps under faults drawn by seeds, for SECONDS=60 each of two kinds, on all cores
	@. setup/env; DLGRID_TORTURE_SECONDS=$(SECONDS) DLGRID_TORTURE_SEED=$${DLGRID_TORTURE_SEED:-$$(date +%s)} \
		PROPTEST_CASES=$$((100 * $(SECONDS))) \
		cargo test --profile torture --locked -p dlgrid-sweep --lib -- --nocapture fsck::tests:: fuzz::tests:: simulated::

fuzz: ## draw bytes for each reader of files and words, for SECONDS=60 each (needs cargo-fuzz and a nightly Rust)
	@. setup/env; if ! cargo +nightly fuzz --version >/dev/null 2>&1; then \
		echo "skipped: cargo-fuzz and a nightly Rust are not installed (docs/security.md)" >&2; exit; fi; \
	failed=0; for target in $$(cargo +nightly fuzz list); do \
		mkdir -p fuzz/found/$$target; \
		cargo +nightly fuzz run --sanitizer none $$target fuzz/found/$$target fuzz/corpus/$$target \
			-- -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 || failed=1; \
	done; exit $$failed

# How much: make uml CRASHES=100 DISKS=200 SECONDS=1800.
CRASHES ?= 10
DISKS ?= 20
uml: ## power failures (CRASHES=10), reordered writes (DISKS=20) and a real NFS (SECONDS=60 a version), in User-Mode Linux
	@. setup/env; cargo build --release --locked
	@. setup/env; failed=0; part() { "$$@" || failed=1; }; \
	part tests/uml/power $(TARGET)/release/dlgrid $(CRASHES); \
	part tests/uml/reorder $(TARGET)/release/dlgrid $(DISKS); \
	part tests/uml/soak $(TARGET)/release/dlgrid $(SECONDS); \
	exit $$failed

chaos: ## sweeps on a real Slurm under drawn faults, for SECONDS=600 each (root; no libtorch needed)
	@. setup/env; failed=0; DLGRID_CHAOS_SECONDS=$(SECONDS) DLGRID_CHAOS_SEED=$${DLGRID_CHAOS_SEED:-$$(date +%s)} \
		cargo test --locked --test slurm -- --nocapture chaos:: killed:: || failed=1; \
	DLGRID_CHAOS_ROUNDS=$$(($(SECONDS) / 10)) cargo test --locked --test integration -- --nocapture storms:: || failed=1; \
	exit $$failed

lint: set-up ## rustfmt, clippy with warnings as errors, and cargo-deny where it is installed
	@. setup/env; cargo fmt --all --check
	@. setup/env; cargo clippy --workspace --exclude dlgrid-mpi --all-targets $(TORCH) -- -D warnings
	@. setup/env; rustfmt --check --edition 2024 tests/uml/replay.rs; \
		clippy-driver --edition 2024 -D warnings --emit=metadata --out-dir $(TARGET) tests/uml/replay.rs
	@if command -v mpicc >/dev/null; then . setup/env; cargo clippy --locked -p dlgrid-mpi -- -D warnings; \
	else echo "skipped: dlgrid-mpi, for mpicc is not on PATH (setup/mpi)" >&2; fi
	@. setup/env; if cargo deny --version >/dev/null 2>&1; then \
		cargo deny --offline --locked check licenses bans sources; \
	else echo "skipped: cargo deny is not installed (cargo install cargo-deny)" >&2; fi

slurm-up: ## start a real Slurm on this host to try dlgrid on (root; SLURM_ARGS="--nodes 2 --accounting on")
	@slurm/testcluster up $(SLURM_ARGS)

slurm-down: ## end that Slurm, with all that runs there
	@slurm/testcluster down $(SLURM_ARGS)

bench: set-up ## run the benchmarks
	@. setup/env; cargo bench $(TORCH) --bench train --bench fused --bench store --bench sweep

bench-fused: set-up ## measure runs trained together on this CPU, also against PyTorch (PYTHON=…/python3 that has it)
	@. setup/env; cargo bench $(TORCH) --bench cohort

pictures: build ## make the pictures of docs/ and README.md from a real sweep (needs chromium and tmux)
	@docs/pictures/make --dlgrid $(TARGET)/release/dlgrid --worker $(TARGET)/release/dlgrid-worker

clean: ## remove what was built; the cache (libtorch, data) stays
	@. setup/env; cargo clean
