"""A program in Java's place that speaks the SPICE worker's protocol, well or badly, without any jar."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from pix2cap.metrics.spice_tools import SpiceTools

# Every word is an object; F is that of the sets of objects. `asked` counts the texts parsed, over all runs.
_SOURCE = """#!{python}
import json, sys, time
from pathlib import Path
behaviour, asked = {behaviour!r}, Path({asked!r})
if "-version" in sys.argv:
    print('openjdk version "{version}" 2025-04-15', file=sys.stderr)
    sys.exit(0)
if behaviour == "dead":
    print("Could not reserve enough space for object heap", file=sys.stderr)
    sys.exit(1)
print("CoreNLP says something on stdout", flush=True)
print('@@ {{"ready": true}}', flush=True)

def category(f):
    return {{"f": f}}

def score(pair):
    references = {{o for parse in pair[0] for (o,) in parse}}
    candidate = {{o for (o,) in pair[1]}}
    f = 2 * len(references & candidate) / max(1, len(references) + len(candidate))
    undefined = dict.fromkeys(["Relation", "Attribute", "Color", "Size", "Cardinality"], category(None))
    return {{"All": category(f), "Object": category(f), **undefined}}

for number, line in enumerate(sys.stdin):
    request = json.loads(line)
    if number >= {good} and behaviour != "good":
        if behaviour == "crash":
            print("java.lang.OutOfMemoryError: Java heap space", file=sys.stderr)
            sys.exit(3)
        if behaviour == "hang":
            time.sleep(600)
        print("@@ " + {{"garbage": "<html>", "error": '{{"error": "NullPointerException"}}', "short": "{{}}",
                       "nan": '{{"scores": [{{"All": {{"f": null}}}}]}}'}}[behaviour], flush=True)
        continue
    if "parse" in request:
        with asked.open("a") as file:
            file.writelines(json.dumps(text) + "\\n" for text in request["parse"])
        answer = {{"tuples": [[[word] for word in text.split()] for text in request["parse"]]}}
    else:
        answer = {{"scores": [score(pair) for pair in request["score"]]}}
    print("@@ " + json.dumps(answer), flush=True)
"""


def fake_java(folder: Path, *, behaviour: str = "good", good: int = 0, version: str = "17.0.15") -> Path:
    """Write the program.

    Args:
        folder: Where to; `asked.txt` there lists the texts it was asked to parse, one JSON string each.
        behaviour: good, or what it does from request number `good` on: crash, hang, garbage, error, short or
            nan; `dead` does not start at all.
        good: How many requests it answers well.
        version: What it says that it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "java"
    path.write_text(
        _SOURCE.format(
            python=sys.executable,
            behaviour=behaviour,
            asked=str(folder / "asked.txt"),
            good=good,
            version=version,
        )
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def fake_tools(folder: Path, *, behaviour: str = "good", good: int = 0) -> SpiceTools:
    """Tools that start the program; another behaviour in the same folder has the same fingerprint."""
    java = fake_java(folder, behaviour=behaviour, good=good)
    jar = folder / "spice-1.0.jar"
    jar.write_bytes(b"no real jar")
    return SpiceTools(java, (jar,), "Worker", 17)


def put_spice_jars(folder: Path) -> None:
    """Empty files named like all the jars that a user adds."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (
        *("stanford-corenlp-3.6.0", "stanford-corenlp-3.6.0-models", "nashorn-core-15.4", "asm-7.3.1"),
        *(f"asm-{part}-7.3.1" for part in ("commons", "tree", "util", "analysis")),
    ):
        (folder / f"{name}.jar").touch()
