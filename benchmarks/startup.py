"""How long `import understudy` and `understudy --help` take, as whole processes, interleaved.

    python benchmarks/startup.py [--runs 9]

Goals: at most 0.3 s and 0.5 s. `python -c pass` stands beside them, since a process has a cost.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": (["-c", "pass"], None),
    "import understudy": (["-c", "import understudy"], 0.3),
    "understudy --help": (["-m", "understudy", "--help"], 0.5),
}


def seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs + 1):
        for name, (arguments, _) in COMMANDS.items():
            times[name].append(seconds(arguments))
    print("| command | median, s | least, s | goal |\n|---|---|---|---|")
    for name, (_, goal) in COMMANDS.items():
        median = statistics.median(times[name][1:])
        told = "" if goal is None else f"{goal} s: {'met' if median <= goal else 'missed'}"
        print(f"| {name} | {median:.3f} | {min(times[name][1:]):.3f} | {told} |")


if __name__ == "__main__":
    main()
