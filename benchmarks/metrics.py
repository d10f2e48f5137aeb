"""Every metric measured against its peer in one go: panoptic quality, captions, METEOR, spice_sg.

    python benchmarks/metrics.py [GOLDEN] [--wordnet FOLDER]

GOLDEN holds `real60/` (ground truth and predictions with their PNGs) and `captions_real.json`. Each part is
a script of its own beside this one and prints its ratios; `--help` tells its options.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_GOLDEN = ROOT.parent / "shared" / "golden"


def main() -> int:
    """Run the parts, one after the other; 1 where one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("golden", type=Path, nargs="?", default=DEFAULT_GOLDEN)
    parser.add_argument("--wordnet", type=Path, help="WordNet's files, for nltk's METEOR")
    args = parser.parse_args()
    real = args.golden.resolve() / "real60"
    sides = [real / "gt.json", real / "gt", real / "pred.json", real / "pred"]
    parts: dict[str, list[object]] = {
        "panoptic_quality": [*sides, "--times", "20"],
        "captions": [],
        "meteor": [] if args.wordnet is None else ["--wordnet", args.wordnet],
        "spice_sg": [args.golden.resolve(), "--rounds", "3"],
    }
    failed = 0
    for name, arguments in parts.items():
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
        failed |= subprocess.run(command, cwd=ROOT, check=False).returncode
    return min(1, failed)


if __name__ == "__main__":
    sys.exit(main())
