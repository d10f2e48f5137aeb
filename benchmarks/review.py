"""The review app measured over HTTP on a run of 10,000 pictures with some 100,000 captions.

    python benchmarks/review.py --coco DIR
    python benchmarks/review.py --coco DIR --keep FOLDER    makes FOLDER/run, or measures it again

The run is made up: pictures, maps and recorded captions of the sample are repeated under new image ids, and
the journal is written as `annotate run` would have, with failed segments, second attempts and decisions. The
server is `pix2cap review` in a process of its own; every request waits for the one before. A picture counts
as shown when its page, pixels and id-map are there, none of which the server has seen before. Beside the
time that passed stands the server's own time on a core, which other programs of the machine do not stretch.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from pix2cap.annotate.decisions import Action, DecisionLog, NewDecision
from pix2cap.annotate.journal import (
    JOURNAL_NAME,
    AttemptRecord,
    Journal,
    Outcome,
    ReplyRecord,
    RequestRecord,
)
from pix2cap.annotate.rules import rules_version
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.core import CaptionStatus
from pix2cap.formats.open_source import open_source
from pix2cap.formats.source import SourceImage
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site

DEFAULT_COCO = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco"
FIRST_PAGE_MS = 300.0
PICTURE_MS = 200.0
DECISIONS = 2_000
MODEL = "openai:benchmark"

SEARCHES = ("dog", "red", "umbrel", '"left side"', "wooden table", "sky", "zebra", "man hat", "gr", "and")

Key = tuple[int, int]


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one kind of request, in the order they were made."""

    name: str
    ms: list[float]
    core_ms: float

    def __str__(self) -> str:
        values = sorted(self.ms)
        middle, high = values[len(values) // 2], values[min(len(values) - 1, int(0.95 * len(values)))]
        numbers = (middle, high, values[-1], self.core_ms)
        return f"{self.name:46}" + "".join(f"{n:8.1f}" for n in numbers) + f"   ({len(values)})"


def repeat_source(coco: Path, n_images: int, out: Path) -> Path:
    """A panoptic JSON of `n_images` entries that cycle through the sample's pictures; ids count from 1."""
    document = json.loads((coco / "panoptic_val.json").read_text())
    annotations = {a["image_id"]: a for a in document["annotations"]}
    pairs = list(itertools.islice(itertools.cycle(document["images"]), n_images))
    document["images"] = [{**image, "id": n} for n, image in enumerate(pairs, start=1)]
    document["annotations"] = [
        {**annotations[image["id"]], "image_id": n} for n, image in enumerate(pairs, start=1)
    ]
    path = out / "panoptic.json"
    path.write_text(json.dumps(document))
    return path


def recorded_captions(coco: Path) -> dict[Key, str]:
    """`(image id of the sample, segment id)` to caption."""
    rows = json.loads((coco / "captions_val.json").read_text())["captions"]
    return {(row["image_id"], row["segment_id"]): row["caption"] for row in rows if row["caption"]}


def make_run(coco: Path, n_images: int, folder: Path) -> tuple[Path, int]:
    """A run folder of `n_images`; returns it with the number of its captions."""
    source_path, run = repeat_source(coco, n_images, folder), folder / "run"
    run.mkdir()
    paths = SourcePaths(source_path, coco / "panoptic_val2017", coco / "val2017")
    RunConfig(paths, AnnotateSettings(MODEL)).write(run)
    texts = recorded_captions(coco)
    originals = [image["id"] for image in json.loads((coco / "panoptic_val.json").read_text())["images"]]
    source = open_source(source_path, masks=paths.masks, images=paths.images)
    counted = asyncio.run(_fill(run, list(source.entries()), originals, texts))
    _decide(run, list(source.entries()))
    return run, counted


async def _fill(run: Path, entries: list[SourceImage], originals: list[int], texts: Mapping[Key, str]) -> int:
    rng, captions = random.Random(7), 0
    with closing(Journal(run / JOURNAL_NAME, writable=True)) as journal:
        for start in range(0, len(entries), 500):
            tasks = []
            for place, entry in enumerate(entries[start : start + 500], start=start):
                original = originals[place % len(originals)]
                segments = [s.segment_id for s in entry.segments if not s.is_crowd]
                found = {i: texts[original, i] for i in segments if (original, i) in texts}
                captions += len(found)
                tasks.append(_settle(journal, entry, place, found, rng))
            await asyncio.gather(*tasks)
    return captions


async def _settle(
    journal: Journal, entry: SourceImage, place: int, texts: Mapping[int, str], rng: random.Random
) -> None:
    """One image: a request for all, a second for some, one segment in fifty failed."""
    image_id = entry.image.image_id
    segments = [s.segment_id for s in entry.segments if not s.is_crowd]
    again = [i for i in segments if rng.random() < 0.1]
    outcomes, attempts = [], []
    await journal.add_image(entry, place)
    for number, (stage, asked) in enumerate((("first", segments), ("again", again)), start=1):
        key = f"{image_id:08x}{number:032x}"
        if not asked:
            continue
        await journal.add_request(
            RequestRecord(key, image_id, stage, MODEL, tuple(asked), "r", "prompt", None)
        )
        await journal.add_reply(ReplyRecord(key, "{}", input_tokens=900, output_tokens=300))
        for i in asked:
            kept = i in texts and (number == 2 or i not in again) and rng.random() > 0.02
            check = rng.choice(("class", "length", "side", "repeat"))
            findings = () if kept else ((check, f"The caption fails the check {check!r}.", True),)
            text = texts.get(i, "")
            verdict = "keep" if kept else "drop"
            attempts.append(AttemptRecord(i, key, number, stage, verdict, text, findings))
            status = CaptionStatus.CAPTIONED if kept else CaptionStatus.FAILED
            outcomes.append(Outcome(i, status, text, None if kept else check, key, number))
    last = {outcome.segment_id: outcome for outcome in outcomes}
    await journal.settle(image_id, last.values(), round_number=0, rules=rules_version(), attempts=attempts)


def _decide(run: Path, entries: list[SourceImage]) -> None:
    rng = random.Random(8)
    with DecisionLog(run) as log:
        for number in range(DECISIONS):
            entry = rng.choice(entries)
            segment = rng.choice(entry.segments)
            action = rng.choice((Action.ACCEPT, Action.EDIT, Action.REJECT))
            reviewer = rng.choice(("ada", "grace", "mary"))
            ids = (entry.image.image_id, segment.segment_id)
            log.add(NewDecision(reviewer, *ids, action, "A caption by hand.", None, 0, str(number)))


class Client:
    """One connection that is kept open, as a browser keeps it."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        place = urlsplit(address)
        self._stat = Path(f"/proc/{process.pid}/stat")
        self.origin = f"http://{place.netloc}"
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """The body of an answer that is 200."""
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:200]!r}")
        return data

    def get(self, path: str) -> bytes:
        """A page or file."""
        return self.ask("GET", path)

    def core_ms(self) -> float:
        """The server's time on cores so far; NaN where the system does not tell."""
        try:
            ticks = self._stat.read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return float("nan")
        return 1000 * sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def decide(self, record: Mapping[str, Any], token: str) -> bytes:
        """Post a decision as a page would."""
        headers = {"Content-Type": "application/json", "Origin": self.origin, "X-Pix2cap-Token": token}
        return self.ask("POST", "/api/decide", json.dumps(record).encode(), **headers)


@contextmanager
def review_server(run: Path) -> Iterator[tuple[str, float, subprocess.Popen[str]]]:
    """`pix2cap review` in a process of its own: address, seconds until it was told, and the process."""
    command = [sys.executable, "-m", "pix2cap", "review", str(run), "--port", "0", "--no-browser"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise SystemExit(f"pix2cap review ended with {process.wait()}")
        yield address, time.perf_counter() - began, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def timed(client: Client, name: str, calls: list[Callable[[], object]]) -> Timed:
    """Run calls one after the other."""
    spent, used = [], client.core_ms()
    for call in calls:
        began = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - began))
    return Timed(name, spent, (client.core_ms() - used) / len(calls))


def measure(client: Client, n_images: int, repeats: int) -> list[Timed]:
    """All kinds of requests; every picture and every filter is a new one."""
    rng = random.Random(9)
    fresh = iter(rng.sample(range(1, n_images + 1), min(n_images, 6 * repeats)))
    rows: list[Timed] = []

    def run(name: str, paths: list[list[str]]) -> None:
        rows.append(timed(client, name, [lambda some=some: [client.get(p) for p in some] for some in paths]))

    def new(*patterns: str) -> list[list[str]]:
        ids = list(itertools.islice(fresh, repeats))
        return [[pattern.format(image_id) for pattern in patterns] for image_id in ids]

    run("first page, first request after the start", [["/"]])
    run("first page", [["/"]] * repeats)
    pages = rng.sample(range(2, max(3, n_images // 48)), min(repeats, n_images // 96))
    run("another page of the grid", [[f"/?page={n}"] for n in pages])
    run("thumbnail, not seen before", new("/thumb/{}.jpg"))
    run("picture: page, pixels and map", new("/image/{}", "/pixels/{}.jpg", "/map/{}.png"))
    run("picture: page alone", new("/image/{}"))
    run("picture: JSON alone", new("/api/image/{}"))
    run("picture: as the model saw it, marked", new("/marked/{}.jpg"))
    run("grid with a filter", [[f"/?{urlencode(query)}"] for query in _queries()])
    run("grid with a text search", [[f"/?{urlencode({'q': q})}"] for q in SEARCHES])
    return rows + _measure_decisions(client, list(itertools.islice(fresh, repeats)))


def _queries() -> list[dict[str, str]]:
    return [
        {"status": "failed"}, {"status": "captioned"}, {"class": "person"}, {"class": "car"},
        {"check": "class"}, {"check": "side"}, {"decision": "open"}, {"decision": "reject"},
        {"attempt": "2"}, {"reviewer": "ada"}, {"model": MODEL}, {"words_min": "30"}, {"words_max": "12"},
        {"status": "failed", "class": "person", "sort": "failed"}, {"class": "chair", "sort": "short"},
        {"class": "person", "words_min": "20", "q": "blue shirt", "sort": "long"},
    ]  # fmt: skip


def _measure_decisions(client: Client, image_ids: list[int]) -> list[Timed]:
    page = client.get("/").decode()
    token = page.partition('name="csrf" content="')[2].partition('"')[0]
    records = []
    for image_id in image_ids:
        image = json.loads(client.get(f"/api/image/{image_id}"))
        segment = next(s for s in image["segments"] if "reject" in s["can"])
        record = {"image_id": image_id, "segment_id": segment["id"], "action": "reject"}
        records.append(record | {"based_on": segment["latest"], "token": f"bench-{os.getpid()}-{image_id}"})
    half = len(records) // 2
    decide = [lambda r=r: client.decide(r, token) for r in records]
    decided = timed(client, "decision, until it is on disk", decide[:half])
    both = [lambda d=d: (d(), client.get("/?status=captioned")) for d in decide[half:]]
    return [decided, timed(client, "decision, then the grid with a filter", both)]


def resident_mib(process: subprocess.Popen[str]) -> float | None:
    """Memory of the server; None where nobody can tell."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return None
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def main() -> int:
    """Make the run, measure, compare with the limits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coco", type=Path, default=DEFAULT_COCO, help="folder with panoptic_val.json")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=40, help="requests of each kind")
    parser.add_argument("--keep", type=Path, help="make the run in this folder, or measure the one there")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {_load()}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        began = time.perf_counter()
        if not (folder / "run").exists():
            _, captions = make_run(args.coco, args.images, folder)
            spent = time.perf_counter() - began
            print(f"run of {args.images} images, {captions} captions, made in {spent:.0f} s", flush=True)
        began, used = time.perf_counter(), time.process_time()
        Site.open(ReviewSettings(target=folder / "run")).close()
        seconds, used = time.perf_counter() - began, time.process_time() - used
        print(
            f"source opened and index filled in {seconds:.1f} s, {used:.1f} s of them on a core", flush=True
        )
        with review_server(folder / "run") as (address, seconds, process):
            print(f"server ready {seconds:.1f} s after its start", flush=True)
            rows = measure(Client(address, process), args.images, args.repeats)
            memory = resident_mib(process)
    print(f"{'ms':46}{'median':>8}{'p95':>8}{'most':>8}{'core':>8}   (requests)")
    for row in rows:
        print(row)
    print(f"memory of the server: {'unknown' if memory is None else f'{memory:.0f} MiB'}; {_load()}")
    by_name = {row.name: row.ms for row in rows}
    worst = 0
    for name, limit in (("first page", FIRST_PAGE_MS), ("picture: page, pixels and map", PICTURE_MS)):
        middle = sorted(by_name[name])[len(by_name[name]) // 2]
        held = middle < limit
        worst |= not held
        print(f"{name}: median {middle:.0f} ms, limit {limit:.0f} ms: {'held' if held else 'MISSED'}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
