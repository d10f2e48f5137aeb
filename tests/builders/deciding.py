"""A process that writes decisions and is killed: one JSON line in is a decision, one number out its seq."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision


def main() -> None:
    with DecisionLog(Path(sys.argv[1])) as log:
        print("ready", flush=True)
        for line in sys.stdin:
            row = json.loads(line)
            made = log.add(NewDecision(**{**row, "action": Action(row["action"])}))
            print(made.seq, flush=True)


if __name__ == "__main__":
    main()
