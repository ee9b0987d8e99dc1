"""How much `make test` takes of what is too much for it. `make test-all` takes all."""

from __future__ import annotations

DAMAGED_DISKS, ALL_DAMAGED_DISKS = 250, 5000
FUZZED_DISKS, ALL_FUZZED_DISKS = 3000, 100_000  # that libFuzzer makes up
FUZZED_ELF_FILES, ALL_FUZZED_ELF_FILES = 60_000, 2_000_000  # the same
PROCESSES, ALL_PROCESSES = 2000, 100_000  # that come and go, looked over for what they leave behind
CUTS = 130  # power cuts that are judged of each recording
LOST_WRITES = 40  # of each recording, disks that lost what was in their cache
THREAD_ROUNDS, ALL_THREAD_ROUNDS = 200, 4000  # of threads that change files at once, on the host
RACE_ROUNDS, ALL_RACE_ROUNDS = 400, 20_000  # of each race of processes
SLICE_SEEDS, ALL_SLICE_SEEDS = 1, 40  # machines whose time slices end elsewhere, on which threads run
MUTANTS = 24  # of each lab; each must at least be as its file says
STRESS_CUTS = 40  # cuts of each log of the program that changes files at random

LEFT_OUT = (f"Sampled: {MUTANTS} mutants of each lab met the tests that they name up to the first that failed; of each lab one alternative was "
            f"graded, one that is solved in part, and one earlier lab in a later tree; {DAMAGED_DISKS} of {ALL_DAMAGED_DISKS:,} "
            f"damaged disks were mounted; libFuzzer made {FUZZED_DISKS:,} of {ALL_FUZZED_DISKS:,} and "
            f"{FUZZED_ELF_FILES:,} of {ALL_FUZZED_ELF_FILES:,} ELF files; {PROCESSES:,} of {ALL_PROCESSES:,} processes came and went; "
            f"threads changed files for {THREAD_ROUNDS} of {ALL_THREAD_ROUNDS:,} rounds, and ran with "
            f"{SLICE_SEEDS} of {ALL_SLICE_SEEDS} timers; of each recorded workload {CUTS} power cuts and {LOST_WRITES} losses of writes were judged, of each on the host {STRESS_CUTS} cuts; of each forgery's tests, of "
            "large images and of damaged headers a few were drawn.")
