"""python -m tests.bench [names] [--gpu] [--quick]: measures; all benchmarks if none is named."""

from __future__ import annotations

import argparse
import sys

from tests.bench import harness


def main() -> int:
    known = harness.names()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="One JSON line a figure.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(known)}")
    parser.add_argument("--gpu", action="store_true", help="on the CUDA device, where a benchmark can use one")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    parser.add_argument("--answers", type=int, help="how many answers to replay")
    parser.add_argument("--learners", type=int, help="how many learners' states to rebuild")
    parser.add_argument("--kind", help="of model, where a benchmark is of one at a time")
    parser.add_argument("--concepts", type=int, help="of the curriculum, where a benchmark goes through several sizes")
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"no benchmark {min(unknown)!r}: choose of {', '.join(known)}")
    if len(options.names) == 1:
        harness.run(options.names[0], options)
        return 0
    flags = [argument for argument in sys.argv[1:] if argument not in options.names]
    return max(harness.run_apart(name, flags) for name in options.names or known)


if __name__ == "__main__":
    sys.exit(main())
