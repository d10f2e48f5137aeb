"""The card tells of the data as they are, and what is not known it says is not known."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from pix2cap.dataset.card import CardOptions, published_files, write_card
from pix2cap.dataset.convert import ConvertOptions, convert_dataset
from pix2cap.dataset.validate import validate_source
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.manifest import SUMS, read_manifest
from tests.builders.exchanged import documents, rich_dataset


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    return rich_dataset(tmp_path / "dataset")


def axis(share: float | None, *, decided: int = 40, alpha: float | None = 0.75) -> dict[str, Any]:
    low, high = (None, None) if share is None else (share - 0.1, share + 0.05)
    rate = {"share": share, "low": low, "high": high}
    return {"items": 50, "decided": decided, "accepted": rate, "weighted": rate, "alpha": alpha}


def agreement(folder: Path) -> Path:
    """As `dataset agreement --format json` prints it, cut to what matters here."""
    record = {
        "sample": "first",
        "raters": {"ann": 50, "ben": 12},
        "items": 60,
        "rated": 50,
        "covered": 0.96,
        "overall": {
            "population": 900,
            "drawn": 60,
            "axes": {"object": axis(0.9), "place": axis(None, decided=0, alpha=None), "caption": axis(0.8)},
        },
    }
    path = folder / "agreement.json"
    path.write_text(json.dumps(record))
    return path


def findings(folder: Path, *rows: tuple[int, int, str]) -> Path:
    path = folder / "checks.json"
    found = [
        {"image_id": i, "segment_id": s, "check": c, "reason": "so", "confidence": 0.9} for i, s, c in rows
    ]
    path.write_text(json.dumps(found))
    return path


def header(card: str) -> dict[str, Any]:
    head: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return head


def test_all_that_is_known_is_told(rich: Path, tmp_path: Path) -> None:
    checks = findings(tmp_path, (101, 16_777_215, "colour"), (101, 16_777_215, "side"), (7, 8, "colour"))
    options = CardOptions(
        checks=checks, agreement=agreement(tmp_path), license="cc-by-sa-4.0", cite="Us, 2026"
    )
    written = write_card(rich, options)
    assert written.files == ("README.md", "croissant.json", "manifest.json", SUMS)
    assert (written.images, written.captions, written.findings, written.verdicts) == (3, 3, 3, 50)
    assert (written.unlicensed, written.changed) == (1, ())
    card = (rich / "README.md").read_text("utf-8")
    head = header(card)
    assert head["license"] == "cc-by-sa-4.0" and head["pretty_name"] == "Rich"
    assert head["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "captions.parquet"}]}
    ]
    for line in (
        "People decided about 4 segments; nobody has verified the rest.",
        "| `captioned` | 3 | has a description |",
        "| `pending` | 1 | not asked yet |",
        "| things | 5 segments of 2 classes |",
        "| stuff | 2 segments of 1 classes |",
        "Most frequent classes: person (3), sky (2), tooth brush (2).",
        "| model | `openai:m` |",
        "| prompt | `set-of-mark@12ab` |",
        "| made | 2026-11-23T10:00:00+00:00 |",
        "| requests | 3 |",
        "| cost usd | $0.1250 |",
        "doubts 2 captions, with 3 findings",
        "| `colour` | 2 |",
        "50 of 60 captions of a frozen, stratified sample were judged by 2 people; weighted, they stand",
        "| object | 40 | 90.0 % (80.0 to 95.0) | 0.750 |",
        "| place | 0 | - | - |",
        "| Attribution | <https://example.org/by> | 1 |",
        "| Share alike | - | 1 |",
        "| not stated | - | 1 |",
        "- **person**: A \\<b\\>person\\</b\\> | in red.",
        "- 3 segments have no caption",
        "- The licence of 1 pictures is not known.",
        "The pictures are not part of this folder",
    ):
        assert line in card, line
    assert "ann" not in card.split("## Human verification")[1].split("##")[0]
    manifest = read_manifest(rich)
    assert manifest is not None and manifest["license"] == "cc-by-sa-4.0"
    assert manifest["checks"] == {"colour": 2, "side": 1} and manifest["verified"]["rated"] == 50
    described = json.loads((rich / "croissant.json").read_text())
    assert (described["datePublished"], described["citeAs"]) == ("2026-11-23", "Us, 2026")


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    rich = rich_dataset(tmp_path / "rich")
    convert_dataset(rich, tmp_path / "coco", ConvertOptions(to="instances"))
    (tmp_path / "coco" / "manifest.json").unlink()
    convert_dataset(tmp_path / "coco" / "instances.json", plain, ConvertOptions(to="panoptic"))
    written = write_card(plain)
    assert (written.findings, written.verdicts) == (None, None)
    card = (plain / "README.md").read_text("utf-8")
    for line in (
        "No results of `pix2cap dataset check`",
        "No verdicts of people",
        "| model | not recorded |",
        "| spend | not recorded |",
        "- 3 of 3 captions were never looked at by a person",
    ):
        assert line in card, line


def test_no_findings_are_told_as_none_and_files_beside_are_found(rich: Path) -> None:
    findings(rich)
    agreement(rich)
    written = write_card(rich)
    assert (written.findings, written.verdicts) == (0, 50)
    assert "found nothing to doubt" in (rich / "README.md").read_text("utf-8")
    assert "checks.json" not in published_files(rich)


def test_counts_are_those_of_the_data_not_of_the_manifest_before(rich: Path) -> None:
    document = json.loads((rich / "panoptic.json").read_text("utf-8"))
    segment = next(s for a in document["annotations"] for s in a["segments_info"] if s["id"] == 8)
    segment.update(description="", caption_status="rejected")
    (rich / "panoptic.json").write_text(json.dumps(document))
    written = write_card(rich)
    assert (written.captions, written.changed) == (2, ("panoptic.json",))
    manifest = read_manifest(rich)
    assert manifest is not None
    assert (
        manifest["counts"]["segments"]["captioned"] == 2 and manifest["counts"]["segments"]["rejected"] == 2
    )
    assert "| `rejected` | 2 |" in (rich / "README.md").read_text("utf-8")


def test_the_folder_is_sound_and_the_checksums_hold(rich: Path) -> None:
    before, doubts = documents(rich), validate_source(rich)
    write_card(rich)
    write_card(rich, CardOptions(name="Another"))
    assert documents(rich) == before
    assert validate_source(rich) == doubts  # A line break in a caption; no file that differs.
    sums = dict(reversed(line.split("  ", 1)) for line in (rich / SUMS).read_text("utf-8").splitlines())
    assert set(sums) == set(published_files(rich)) >= {"panoptic/sub/ü.png", "manifest.json", "README.md"}
    for name, digest in sums.items():
        assert hashlib.sha256((rich / name).read_bytes()).hexdigest() == digest
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=rich, check=True)


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_shards_have_a_card_too(rich: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    convert_dataset(rich, out, ConvertOptions(to=to, split="val"))  # type: ignore[arg-type]
    written = write_card(out, CardOptions(checks=findings(tmp_path, (7, 8, "side"))))
    assert (written.images, written.captions, written.findings, written.changed) == (3, 3, 1, ())
    card = (out / "README.md").read_text("utf-8")
    (config,) = header(card)["configs"]
    ending = {"parquet": "parquet", "webdataset": "tar"}[to]
    assert config["data_files"] == [{"split": "val", "path": f"data/val-*.{ending}"}]
    assert list(out.glob(f"data/val-*.{ending}"))
    assert "| `failed` | 1 |" in card and "| Attribution | <https://example.org/by> | 1 |" in card
    convert_dataset(out, tmp_path / "back", ConvertOptions(to="panoptic"))
    assert documents(tmp_path / "back")["annotations"] == documents(rich)["annotations"]


@pytest.mark.parametrize("to", ["panoptic", "parquet"])
def test_croissant_by_its_own_library(rich: Path, tmp_path: Path, to: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of the library and what it stands on.
        import mlcroissant

    out = tmp_path / "out"
    convert_dataset(rich, out, ConvertOptions(to=to))  # type: ignore[arg-type]
    write_card(out, CardOptions(cite="Us, 2026"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        described = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
        assert not described.metadata.ctx.issues.errors and not described.metadata.ctx.issues.warnings
        (records,) = described.metadata.record_sets
        rows = list(described.records(records.id))
    if to == "panoptic":
        assert len(rows) == 8
        said = [row["segments/caption"].decode() for row in rows if row["segments/status"] == b"captioned"]
    else:
        assert [row["images/image_id"] for row in rows] == [101, 7, 9]
        assert [row["images/image"].size for row in rows] == [(8, 6), (4, 5), (3, 2)]
        said = []
    if said:
        assert sorted(said) == sorted(row["caption"] for row in documents(rich)["rows"] if row["caption"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "dataset check --format json"),
        ('{"findings": 3}', "list of findings"),
        ('[{"image_id": 1}]', "list of findings"),
        ('[{"image_id": 101, "segment_id": 3, "check": "side"}]', "image 101, segment 3"),
    ],
)
def test_results_of_something_else_are_refused(rich: Path, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    before = (rich / "README.md").read_bytes()
    with pytest.raises(InputError, match=words):
        write_card(rich, CardOptions(checks=path))
    with pytest.raises(InputError, match="dataset agreement --format json"):
        write_card(rich, CardOptions(agreement=path))
    with pytest.raises(InputError, match="no such file"):
        write_card(rich, CardOptions(agreement=tmp_path / "nowhere.json"))
    assert (rich / "README.md").read_bytes() == before


def test_what_is_not_to_be_published_gets_no_card(rich: Path, tmp_path: Path) -> None:
    convert_dataset(rich, tmp_path / "talks", ConvertOptions(to="llava"))
    for path in (tmp_path / "talks", rich / "panoptic.json", tmp_path / "talks" / "instances.json"):
        with pytest.raises(UsageError, match="dataset convert"):
            write_card(path)
    with pytest.raises(InputError):
        write_card(tmp_path / "nowhere")
