"""Templates: three styles, none that cannot be filled, drawn evenly."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.sft.questions import STYLES, TEMPLATES, Style, draw_question, fill


def test_there_are_several_templates_in_each_style_and_none_twice() -> None:
    every = [template for style in STYLES for template in TEMPLATES[style]]
    assert len(set(every)) == len(every)
    assert all(len(TEMPLATES[style]) >= 8 for style in STYLES)


@pytest.mark.parametrize("style", STYLES)
def test_a_template_asks_for_what_its_style_gives(style: Style) -> None:
    for template in TEMPLATES[style]:
        assert template.count("{caption}") == (style == "locate")
        assert template.count("{region}") == (style != "locate")
        assert not template.startswith("{"), "a sentence begins with a capital letter"


@given(st.text(), st.text())
def test_a_caption_stands_in_the_question_as_it_is(caption: str, region: str) -> None:
    asked = fill("Where is {caption} and {region}?", region=region, caption=caption)
    assert asked == "Where is " + caption + " and " + region + "?"


@pytest.mark.parametrize("style", STYLES)
def test_all_templates_are_drawn_about_equally_often(style: Style) -> None:
    drawn = Counter(draw_question(style, Random(f"0:{n}:{style}")) for n in range(2400))
    expected = 2400 / len(TEMPLATES[style])
    assert set(drawn) == set(TEMPLATES[style])
    assert all(0.7 * expected < times < 1.3 * expected for times in drawn.values())
