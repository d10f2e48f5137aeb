"""METEOR: ours against nltk's and the jar's, on the same pairs in one run; and what loading costs.

    python benchmarks/meteor.py [--pairs 2000] [--folder ../shared/data/coco] [--wordnet DIR]

Pairs are captions of segments against others of the same kind of text, whole or thinned out. `mAP` repeats
each pair at 30 thresholds, as the dense-captioning mAP does. nltk needs WordNet 3.0: `--wordnet` names a
folder with its files (Debian's wordnet-base puts them into /usr/share/wordnet); nltk wants them in its own
place, so they are copied there for the run, with the two small files that Debian leaves out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pix2cap.metrics.meteor import Meteor, MeteorData, meteor
from pix2cap.metrics.nltk_meteor import released_meteor
from pix2cap.text.ptb import ptb_tokens

THRESHOLDS = 30
LEXNAMES = """adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body
noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive
noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation
noun.shape noun.state noun.substance noun.time verb.body verb.change verb.cognition verb.communication
verb.competition verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception
verb.possession verb.social verb.stative verb.weather adj.ppl"""
Pair = tuple[str, str]


def make_pairs(folder: Path, count: int) -> list[Pair]:
    """Distinct pairs (candidate, reference) of tokenised captions."""
    texts: list[str] = []
    for name in ("captions_train.json", "captions_val.json"):
        captions = json.loads((folder / name).read_text("utf-8"))["captions"]
        texts += [tokens for one in captions if (tokens := " ".join(ptb_tokens(one["caption"])))]
    choose = random.Random(7)
    pairs: dict[Pair, None] = {}
    while len(pairs) < count:
        reference = choose.choice(texts)
        thinned = " ".join(word for word in reference.split(" ") if choose.random() < 0.8)
        candidate = thinned if choose.random() < 0.5 else choose.choice(texts)
        if candidate:
            pairs[candidate, reference] = None
    return list(pairs)


def timed(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Seconds that a piece of work takes: of this process's CPU, unless another clock is given."""
    start = clock()
    work()
    return clock() - start


def install_wordnet(source: Path, target: Path) -> None:
    """Lays WordNet's files where nltk looks for them."""
    folder = target / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    numbers = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
    lines = [f"{i:02d}\t{name}\t{numbers[name.split('.')[0]]}\n" for i, name in enumerate(LEXNAMES.split())]
    (folder / "lexnames").write_text("".join(lines))
    # Only read for other languages than English.
    (folder / "index.sense").touch()


def nltk_scorer(wordnet: Path | None) -> Callable[[Pair], float] | str:
    """nltk's METEOR, or why there is none."""
    if wordnet is None or not (wordnet / "data.noun").is_file():
        return f"no WordNet files in {wordnet}: give --wordnet"
    target = Path(tempfile.mkdtemp(prefix="nltk-"))
    install_wordnet(wordnet, target)
    os.environ["NLTK_DATA"] = str(target)
    try:
        from nltk.translate.meteor_score import single_meteor_score
    except (ImportError, OSError) as error:
        return f"nltk does not import: {error}"
    return lambda pair: float(single_meteor_score(pair[1].split(" "), pair[0].split(" ")))


def report_nltk(wordnet: Path, pairs: Sequence[Pair], each: float, each_in_map: float) -> None:
    """Prints nltk's time for the pairs as they are, and as the released mAP has them.

    Args:
        wordnet: Folder of WordNet's files.
        pairs: The pairs.
        each: Our seconds a pair.
        each_in_map: Our seconds a pair asked for once a threshold.
    """
    score = nltk_scorer(wordnet)
    if isinstance(score, str):
        print(f"nltk            not run: {score}")
        return
    score(pairs[0])
    seconds = timed(lambda: [score(pair) for pair in pairs]) / len(pairs)
    print(f"nltk            {seconds * 1e3:8.3f} ms/pair CPU   {seconds / each:.1f} x ours")
    ratio = seconds * THRESHOLDS / each_in_map
    print(f"mAP             nltk takes {ratio:.0f} x our METEOR 1.5, each pair {THRESHOLDS} times")
    # The released mAP: the ground truth against every single character of the prediction.
    some = pairs[: max(1, len(pairs) // 20)]
    released = timed(lambda: [[score((gt, c)) for c in text if c != " "] for text, gt in some]) / len(some)
    mine = timed(lambda: [released_meteor(gt.split(" "), text) for text, gt in some]) / len(some)
    print(
        f"mAP, released   nltk {released * 1e3:.1f} ms/pair: {released * THRESHOLDS / each_in_map:.0f} x our"
        f" METEOR 1.5, each pair {THRESHOLDS} times, and {released / mine:.0f} x our exact copy of it"
    )


def time_jar(folder: Path, pairs: Sequence[Pair]) -> float:
    """Seconds a pair in the running jar, its start not counted."""
    command = ["java", "-Xmx2G", "-jar", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as jar:
        assert jar.stdin is not None and jar.stdout is not None
        started = 0.0
        for number, (candidate, reference) in enumerate([("a", "a"), *pairs]):
            jar.stdin.write(f"SCORE ||| {reference} ||| {candidate}\n")
            jar.stdin.flush()
            jar.stdout.readline()
            if number == 0:
                started = time.perf_counter()
        seconds = time.perf_counter() - started
        jar.stdin.close()
    return seconds


def report_loading() -> None:
    """Prints what the first and a later loading of the data take."""
    with tempfile.TemporaryDirectory() as cache:
        first = timed(lambda: MeteorData.load(cache=Path(cache)), time.perf_counter)
        later = timed(lambda: MeteorData.load(cache=Path(cache)), time.perf_counter)
        size = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
    print(f"load (wall)     first {first:6.2f} s   later {later:5.2f} s   cache {size / 1e6:.0f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the comparison and prints a table."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)

    report_loading()
    pairs = make_pairs(chosen.folder, chosen.pairs)
    data = MeteorData.load()
    scorer = Meteor(data)
    ours = timed(lambda: [scorer.pair(candidate, [reference]) for candidate, reference in pairs])
    again = timed(lambda: [scorer.pair(candidate, [reference]) for candidate, reference in pairs])
    ours_map = ours + (THRESHOLDS - 1) * again
    each, each_again = ours / len(pairs) * 1e3, again / len(pairs) * 1e6
    print(f"ours            {each:8.3f} ms/pair CPU   again {each_again:.2f} us/pair")
    tokens = [(candidate.split(" "), [reference.split(" ")]) for candidate, reference in pairs]
    candidates, references = zip(*tokens, strict=True)
    spread = timed(
        lambda: meteor(candidates, references, data, processes=chosen.processes), time.perf_counter
    )
    print(
        f"ours, {chosen.processes} processes {spread / len(pairs) * 1e3:6.3f} ms/pair, their start included"
    )

    few = pairs[: max(1, len(pairs) // 10)]
    report_nltk(chosen.wordnet, few, each / 1e3, ours_map / len(pairs))
    if shutil.which("java") is None:
        print("jar             not run: no java")
    else:
        seconds = time_jar(data.source[0], few) / len(few)
        print(f"jar (running)   {seconds * 1e3:8.3f} ms/pair wall")


if __name__ == "__main__":
    sys.exit(main())
