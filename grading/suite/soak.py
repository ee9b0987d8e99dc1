#!/usr/bin/python3
"""The suite's randomised tests again and again, each round with another seed: `make soak MINUTES=60`.

Power cuts, fuzzing, damaged disks, disk errors, large directories: what `make test` samples with one seed. It ends at the
first failure, which names the seed, or when the time is up.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

SUITE = Path(__file__).resolve().parent
TESTS = ("test_power_cut.py", "test_fuzz.py", "test_damaged_images.py", "test_disk_errors.py", "test_large_directory.py", "test_races.py")


def main() -> int:
    """Command line; exit status 0, or 1 after a failure."""
    parser = argparse.ArgumentParser(description="Repeats the suite's randomised tests of disks with new seeds.")
    parser.add_argument("--minutes", type=float, default=10, help="for how long (default: 10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first round's seed (default: the time)")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.minutes * 60
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        seed = arguments.seed + rounds
        print(f"round {rounds + 1}, seed {seed}", flush=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", "-n", "auto", f"--suite-seed={seed}"]
        if subprocess.run([*command, *(SUITE / test for test in TESTS)], check=False).returncode != 0:
            names = " ".join(f"grading/suite/{test}" for test in TESTS)
            print(f"soak: failed; again: /usr/bin/python3 -m pytest --suite-seed={seed} {names}", file=sys.stderr)
            return 1
        rounds += 1
    print(f"{rounds} rounds without a failure, seeds {arguments.seed} to {arguments.seed + rounds - 1}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
