"""The written file: complete, self-contained, safe and never half done."""

from __future__ import annotations

import base64
import errno
import hashlib
import re
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core import SegmentCaption
from pix2cap.errors import StorageFull
from pix2cap.report import ReportItem, write_report
from tests.builders.captioned import report_item


class _Reader(HTMLParser):
    """Collects captions, class names and the names of all elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.captions: list[str] = []
        self.class_names: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        named = dict(attrs)
        if named.get("class") == "row":
            self.class_names.append(named["data-class"] or "")
        if named.get("class") == "caption":
            self.captions.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.captions[-1] += data


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def _items(count: int) -> Iterator[ReportItem]:
    for image_id in range(1, count + 1):
        yield report_item(
            {7: [(0, 0, 60, 80)]}, [SegmentCaption(7, f"Caption of picture {image_id}.")], image_id=image_id
        )


def test_pictures_beyond_the_limit_are_counted_and_said_to_be_left_out(tmp_path: Path) -> None:
    loaded: list[int] = []

    def counted() -> Iterator[ReportItem]:
        for item in _items(9):
            image_id = item.captioned.image.image_id

            def load(item: ReportItem = item, image_id: int = image_id) -> np.ndarray:
                loaded.append(image_id)
                return item.pixels()

            yield ReportItem(item.captioned, load, item.class_names)

    page = write_report(counted(), tmp_path / "r.html", title="T", facts={}, max_items=4).read_text()
    assert page.count('<article class="card"') == 4
    text = re.sub(r"\s+", " ", page)
    assert "first 4 of 9 pictures; 5 are left out" in text
    assert "9 pictures, 9 segments, every one with a caption" in text
    assert loaded == [1, 2, 3, 4]


def test_a_whole_report_says_nothing_of_leaving_out(tmp_path: Path) -> None:
    page = write_report(_items(4), tmp_path / "r.html", title="T", facts={}, max_items=4).read_text()
    assert "left out to keep" not in page


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        write_report(_items(3), tmp_path / name, title="T", facts={"model": "describe"}).read_bytes()
        for name in ("a.html", "b.html")
    )
    assert first == second


def test_nothing_is_fetched_and_only_hashed_scripts_and_styles_may_run(tmp_path: Path) -> None:
    page = write_report(_items(1), tmp_path / "r.html", title="T", facts={}).read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy[1]
    sources = re.findall(r'\b(?:src|href|action|poster|srcset)="([^"]{0,12})', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert " style=" not in page
    assert re.search(r"\son[a-z]+=", page.split("<script>")[0]) is None


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60),
    st.sampled_from(["</script>", "<!--", "]]>", "</p>", '"><svg onload=x>', "{{ 7 * 7 }}", "&lt;", "'"]),
)
def test_any_caption_and_class_name_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, words: str, hostile: str
) -> None:
    text = words + hostile + words
    item = report_item(
        {7: [(0, 0, 60, 80)]}, [SegmentCaption(7, text)], class_names={7: text}, file_name=text
    )
    out = tmp_path_factory.getbasetemp() / "any.html"
    read = _read(write_report([item], out, title=text, facts={text: text}, notes=[text]))
    assert read.captions == [text]
    assert read.class_names == [text]
    assert read.elements.count("script") == 1
    assert "svg" in read.elements


def test_a_lone_surrogate_does_not_stop_the_report(tmp_path: Path) -> None:
    item = report_item({7: [(0, 0, 60, 80)]}, [SegmentCaption(7, "cut \ud83d here")])
    read = _read(write_report([item], tmp_path / "r.html", title="T", facts={}))
    assert read.captions == ["cut ? here"]


def test_a_report_without_pictures_or_captions_is_a_page(tmp_path: Path) -> None:
    empty = re.sub(r"\s+", " ", write_report([], tmp_path / "e.html", title="T", facts={}).read_text())
    assert "0 pictures, 0 segments" in empty
    uncaptioned = write_report([report_item({7: [(0, 0, 9, 9)]})], tmp_path / "u.html", title="T", facts={})
    assert "No segment has a caption yet." in uncaptioned.read_text()


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("cost_usd", None, "<dt>cost</dt><dd>unknown</dd>"),
        ("cost_usd", 0.0123, "<dt>cost</dt><dd>$0.0123</dd>"),
        ("cost_usd", 1234.5, "<dt>cost</dt><dd>$1,234.50</dd>"),
        ("cost_usd", 0, "<dt>cost</dt><dd>$0.00</dd>"),
        ("input_tokens", 1234567, "<dt>input tokens</dt><dd>1,234,567</dd>"),
        ("prompt", "marks v1", "<dt>prompt</dt><dd>marks v1</dd>"),
        (
            "prompt",
            "v1 sha256:" + "0123456789ab" + "c" * 52,
            f'<dd title="v1 sha256:0123456789ab{"c" * 52}">v1 sha256:0123456789ab…</dd>',
        ),
        ("temperature", 0.2, "<dt>temperature</dt><dd>0.2</dd>"),
    ],
)
def test_facts_read_well(tmp_path: Path, key: str, value: str | float | None, shown: str) -> None:
    assert shown in write_report(_items(1), tmp_path / "r.html", title="T", facts={key: value}).read_text()


def test_a_report_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    out = write_report(_items(1), tmp_path / "deep" / "r.html", title="Old", facts={})
    old = out.read_bytes()

    def broken() -> Iterator[ReportItem]:
        yield from _items(2)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_report(broken(), out, title="New", facts={})
    assert out.read_bytes() == old
    assert [path.name for path in out.parent.iterdir()] == ["r.html"]


def test_a_full_disk_is_said_plainly(tmp_path: Path) -> None:
    def full() -> Iterator[ReportItem]:
        yield from _items(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull, match=r"r\.html: no space left"):
        write_report(full(), tmp_path / "r.html", title="T", facts={})


@pytest.mark.parametrize("limits", [{"max_items": 0}, {"max_side": 0}])
def test_limits_below_one_are_refused(tmp_path: Path, limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        write_report([], tmp_path / "r.html", title="T", facts={}, **limits)


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    def noisy(count: int) -> Iterator[ReportItem]:
        rng = np.random.default_rng(3)
        for item in _items(count):
            rgb = rng.integers(0, 255, item.pixels().shape, np.uint8)
            yield ReportItem(item.captioned, rgb, item.class_names)

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            write_report(noisy(count), tmp_path / "r.html", title="T", facts={}, max_items=count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20)
    few, many = peak(200), peak(800)
    assert (tmp_path / "r.html").stat().st_size > 10_000_000
    assert many < few * 1.2 + 500_000
