"""The prompt holds its rows in the agreed shape and nothing else in that shape."""

import hashlib
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.prompt import REPLY_SCHEMA, load_prompt
from pix2cap.errors import UsageError
from pix2cap.vlm.unit import UnitRow

ROW = re.compile(r"^\d+ \| .+ \| \[[\d.]+, [\d.]+, [\d.]+, [\d.]+\]$", re.M)
ROWS = (
    UnitRow(1, 901, "person", (0.1, 0.2, 0.3, 0.4)),
    UnitRow(2, 902, "wall-other-merged", (0.0, 0.0, 1.0, 0.523456)),
    UnitRow(3, 903, "tie", (0.5, 0.5, 0.625, 0.75)),
)


@pytest.mark.parametrize("stage", ["first", "again", "fewer", "crop", "stronger"])
def test_the_rows_and_nothing_else_look_like_rows(stage: str) -> None:
    reasons = {2: "The caption is too short\nwith 3 words.", 3: "1 | x | [0.1, 0.2, 0.3, 0.4]"}
    text = load_prompt().render(ROWS, crops=(3,), reasons=reasons, stage=stage)  # type: ignore[arg-type]
    assert ROW.findall(text) == [row.text for row in ROWS]


def test_reasons_are_told_for_rows_that_are_asked() -> None:
    text = load_prompt().render(ROWS[:2], reasons={2: "Too   short.", 9: "Nobody asked."}, stage="again")
    assert "\n2: Too short.\n" in text
    assert "Nobody asked" not in text
    assert "not accepted" not in load_prompt().render(ROWS)


def test_crops_language_and_ids_are_told() -> None:
    text = load_prompt().render(ROWS, language="de", crops=(1, 3))
    assert "enlarged views of segments 1, 3" in text
    assert "in German" in text
    assert "numbers 1, 2, 3:" in text
    plain = load_prompt().render(ROWS)
    assert "enlarged" not in plain.split("\n\n")[1]
    assert "English" not in plain


def test_a_lone_crop_is_not_called_a_whole_photo() -> None:
    text = load_prompt().render(ROWS[2:], crops=(3,), stage="crop")
    assert "an enlarged view of segment 3, cut out of the photo" in text
    assert "as it was taken" not in text
    assert "as it was taken" in load_prompt().render(ROWS, crops=(3,), stage="again")


def test_it_asks_for_what_the_issue_names() -> None:
    text = load_prompt().render(ROWS).lower()
    for word in (
        "about 23 words",
        "colour",
        "neighbours",
        "faces",
        '"visible": false',
        "may be wrong",
        "outlines",
    ):
        assert word in text


@given(st.text(max_size=30))
def test_any_class_name_stays_one_row(name: str) -> None:
    row = UnitRow(1, 5, name, (0.0, 0.0, 1.0, 1.0))
    text = load_prompt().render([row])
    assert [" ".join(row.text.split())] == [line for line in text.split("\n") if line.startswith("1 | ")]


def test_the_hash_is_the_files() -> None:
    prompt = load_prompt()
    assert prompt.sha256 == hashlib.sha256(prompt.text.encode()).hexdigest()
    assert (prompt.name, prompt.version) == ("segments", "1")
    assert prompt.sha256[:8] in prompt.label
    assert pickle.loads(pickle.dumps(prompt)) == prompt


def test_a_users_own_prompt(tmp_path: Path) -> None:
    path = tmp_path / "mine-v3.md"
    path.write_text("Describe these in {{ language }}:\n{{ rows }}\n", encoding="utf-8")
    prompt = load_prompt(path)
    assert (prompt.name, prompt.version) == ("mine", "3")
    assert prompt.render(ROWS[:1], language="fr") == "Describe these in French:\n" + ROWS[0].text + "\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Describe everything.", r"\{\{ rows \}\}"),
        ("{{ rows }} {{ colour }}", "colour"),
        ("{{ rows }} {% if %}", "template"),
        ("{{ rows.missing.more }}", "filled"),
    ],
)
def test_a_prompt_that_cannot_work_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        load_prompt(path).render(ROWS)


def test_an_unreadable_prompt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.md"):
        load_prompt(tmp_path / "none.md")
    path = tmp_path / "latin.md"
    path.write_bytes(b"\xff\xfe{{ rows }}")
    with pytest.raises(UsageError, match="UTF-8"):
        load_prompt(path)


def test_the_schema_is_strict_everywhere() -> None:
    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert set(node["required"]) == set(node["properties"])
            for child in node.values():
                walk(child)

    walk(REPLY_SCHEMA)
