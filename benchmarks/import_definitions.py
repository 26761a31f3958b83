"""How long Dagster waits for the code location: `import jobs.definitions` and building `defs`, against
`import dagster` alone."""

import argparse
import resource
import statistics
import subprocess
import sys

OURS = "import jobs.definitions"
PEER = "import dagster"


def seconds(code: str) -> float:
    """CPU seconds of a fresh interpreter that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Parse the options, measure in alternating order, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    seconds(OURS)
    pairs = [(seconds(OURS), seconds(PEER)) for _ in range(runs)]
    ours, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"import_definitions: ratio {ours / peer:.2f} (ours {ours:.2f}, peer {peer:.2f}, CPU s, "
        f"median of {runs} runs)"
    )


if __name__ == "__main__":
    main()
