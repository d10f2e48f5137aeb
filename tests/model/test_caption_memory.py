"""The rich memory: what each token depends on, and what it must not depend on."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from pix2cap.model.caption_memory import MemoryInputs, RichMemory, Slots
from pix2cap.model.config import preset

# All widths differ, so that none can stand for another.
CONFIG = dataclasses.replace(
    preset("tiny"), hidden_dim=20, heads=4, conv_dim=24, mask_dim=12, embed_dim=8, object_dim=28
)
QUERY, LOOKS, FORM, PLACE, COLOURS, NAME, NEIGHBOURS = 1, slice(2, 7), 7, 8, 9, 10, 11
TOKENS = 12
IMAGES = torch.tensor([1, 0, 2, 1, 1, 2])


@pytest.fixture
def memory() -> RichMemory:
    torch.manual_seed(0)
    return RichMemory(CONFIG).eval()


def _inputs(images: Tensor = IMAGES, size: int = 32) -> MemoryInputs:
    torch.manual_seed(1)
    channels = (CONFIG.conv_dim,) * 3 + (CONFIG.mask_dim, CONFIG.embed_dim)
    pictures = 4
    masks = torch.zeros(len(images), size, size)
    for row, mask in enumerate(masks):
        mask[2 + row : 14 + row, 3 * row : 8 + 3 * row] = 1
    return MemoryInputs(
        queries=torch.randn(len(images), CONFIG.hidden_dim, requires_grad=True),
        names=torch.randn(len(images), CONFIG.projection_dim),
        images=images,
        masks=masks,
        maps=tuple(
            torch.randn(pictures, c, s, s, requires_grad=True)
            for c, s in zip(channels, (4, 8, 16, 16, 32), strict=True)
        ),
        images_rgb=torch.randn(pictures, 3, 32, 32),
        extents=torch.tensor([[1.0, 1.0], [0.9, 1.0], [1.0, 0.8], [0.5, 0.5]]),
        global_features=torch.randn(pictures, CONFIG.hidden_dim, requires_grad=True),
    )


def _changed(memory: RichMemory, before: MemoryInputs, after: MemoryInputs) -> list[list[int]]:
    """Tokens that differ, for each segment."""
    with torch.no_grad():
        apart = (memory(before) - memory(after)).abs().amax(dim=2) > 1e-5
    return [row.nonzero()[:, 0].tolist() for row in apart]


def test_twelve_tokens_a_segment(memory: RichMemory) -> None:
    tokens = memory(_inputs())
    assert tokens.shape == (6, TOKENS, CONFIG.object_dim) and memory.tokens == TOKENS
    assert tokens.isfinite().all()


@pytest.mark.parametrize("name", ["tiny", "focal-l"])
def test_it_fits_the_presets(name: str) -> None:
    with torch.device("meta"):
        memory = RichMemory(preset(name))
    assert memory.kinds.shape == (TOKENS, preset(name).object_dim)


def test_a_query_is_seen_by_its_own_segment_and_by_its_neighbours(memory: RichMemory) -> None:
    before = _inputs()
    queries = before.queries.detach().clone()
    queries[3] += 1
    # Segments 0, 3 and 4 share a picture.
    expected = [[NEIGHBOURS], [], [], [QUERY, NEIGHBOURS], [NEIGHBOURS], []]
    assert _changed(memory, before, before._replace(queries=queries)) == expected


def test_a_name_is_seen_by_its_own_segment_and_by_its_neighbours(memory: RichMemory) -> None:
    before = _inputs()
    names = before.names.clone()
    names[2] += 1
    # Segments 2 and 5 share a picture.
    expected = [[], [], [NAME, NEIGHBOURS], [], [], [NEIGHBOURS]]
    assert _changed(memory, before, before._replace(names=names)) == expected


def test_a_moved_mask_changes_the_place_and_not_the_form(memory: RichMemory) -> None:
    before = _inputs(torch.tensor([0, 1]))
    masks = before.masks.clone()
    masks[0] = masks[0].roll((4, 7), (0, 1))
    changed = _changed(memory, before, before._replace(masks=masks))
    assert changed == [[*range(LOOKS.start, LOOKS.stop), PLACE, COLOURS], []]


@pytest.mark.parametrize("level", range(5))
def test_a_map_counts_under_the_mask_only(memory: RichMemory, level: int) -> None:
    before = _inputs(torch.tensor([0, 1]))
    token = LOOKS.start + level

    def poked(y: int, x: int) -> MemoryInputs:
        maps = list(before.maps)
        feature_map = maps[level].detach().clone()
        scale = 32 // feature_map.shape[2]
        feature_map[0, :, y // scale, x // scale] += torch.arange(feature_map.shape[1])
        maps[level] = feature_map
        return before._replace(maps=tuple(maps))

    assert _changed(memory, before, poked(9, 4)) == [[token], []]
    assert _changed(memory, before, poked(29, 29)) == [[], []]


def test_pooling_weighs_pixels_by_the_covered_share(memory: RichMemory) -> None:
    inputs = _inputs(torch.tensor([2]))
    given = inputs.maps[0]
    share = inputs.masks.view(1, 4, 8, 4, 8).mean(dim=(2, 4))[0]
    mean = (given[2] * share).sum(dim=(1, 2)) / share.sum()
    expected = memory.norm(memory.looks[0](mean)) + memory.kinds[LOOKS.start]
    torch.testing.assert_close(memory(inputs)[0, LOOKS.start], expected, atol=1e-5, rtol=1e-4)


def test_masks_may_have_any_resolution(memory: RichMemory) -> None:
    inputs = _inputs()
    doubled = inputs.masks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    with torch.no_grad():
        apart = (memory(inputs) - memory(inputs._replace(masks=doubled))).abs().amax(dim=(0, 2))
    # The colours' inside is a matter of pixels: it is half as thin now. The form is sampled.
    assert [token for token in range(TOKENS) if apart[token] > 1e-3] == [FORM, COLOURS, NEIGHBOURS]


def test_flat_order_and_other_pictures_do_not_matter(memory: RichMemory) -> None:
    inputs = _inputs()
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    tokens = memory(inputs)
    shuffled = inputs._replace(
        queries=inputs.queries[order],
        names=inputs.names[order],
        images=inputs.images[order],
        masks=inputs.masks[order],
    )
    torch.testing.assert_close(memory(shuffled), tokens[order], atol=1e-5, rtol=1e-4)
    alone = IMAGES == 1
    only = inputs._replace(
        queries=inputs.queries[alone],
        names=inputs.names[alone],
        images=inputs.images[alone],
        masks=inputs.masks[alone],
    )
    torch.testing.assert_close(memory(only), tokens[alone], atol=1e-5, rtol=1e-4)


def test_who_is_alone_sees_nobody(memory: RichMemory) -> None:
    tokens = memory(_inputs(torch.tensor([0, 1, 2])))
    seen = tokens[:, NEIGHBOURS]
    torch.testing.assert_close(seen[0], seen[1])
    torch.testing.assert_close(seen[0], seen[2])


def test_where_a_neighbour_lies_is_seen(memory: RichMemory) -> None:
    before = _inputs(torch.tensor([0, 0]))
    masks = before.masks.clone()
    masks[1] = masks[1].roll(12, 1)
    changed = _changed(memory, before, before._replace(masks=masks))
    assert changed[0] == [NEIGHBOURS]


def test_an_empty_mask_is_safe(memory: RichMemory) -> None:
    inputs = _inputs()
    inputs.masks[[0, 5]] = 0
    tokens = memory(inputs)
    assert tokens.isfinite().all()
    tokens.square().sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in memory.parameters())


def test_no_segments_no_tokens(memory: RichMemory) -> None:
    assert memory(_inputs(torch.zeros(0, dtype=torch.int64))).shape == (0, TOKENS, CONFIG.object_dim)


def test_without_a_picture_there_are_no_colours(memory: RichMemory) -> None:
    tokens = memory(_inputs()._replace(images_rgb=None))
    assert tokens.isfinite().all()
    assert (tokens[:, COLOURS] - tokens[:1, COLOURS]).abs().max() == 0


def test_colours_tell_the_mean_under_the_mask() -> None:
    inputs = _inputs(torch.tensor([0]))
    picture = torch.zeros(4, 3, 32, 32)
    picture[0, :, 2:14, 0:8] = torch.tensor([0.5, -1.0, 2.0])[:, None, None]
    measured: list[Tensor] = []
    torch.manual_seed(0)
    memory = RichMemory(CONFIG)
    memory.colours.register_forward_pre_hook(lambda _module, given: measured.append(given[0]))
    memory(inputs._replace(images_rgb=picture))
    assert measured[0][0].tolist() == pytest.approx([0.5, -1.0, 2.0, 0, 0, 0] * 2, abs=1e-3)


def test_gradients_flow_everywhere_but_into_masks_and_names(memory: RichMemory) -> None:
    inputs = _inputs()
    inputs.masks.requires_grad_()
    inputs.names.requires_grad_()
    # A token's sum is fixed by its LayerNorm; a random direction is not.
    tokens = memory(inputs)
    (tokens * torch.randn_like(tokens)).sum().backward()
    assert inputs.masks.grad is None and inputs.names.grad is None
    for given in (inputs.queries, inputs.global_features, *inputs.maps):
        assert given.grad is not None and given.grad.abs().max() > 0
    for name, weight in memory.named_parameters():
        assert weight.grad is not None and weight.grad.abs().max() > 0, name


def test_autocast_is_close(memory: RichMemory) -> None:
    inputs = _inputs()
    exact = memory(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = memory(inputs)
        tokens.float().square().sum().backward()
    assert (tokens.float() - exact).abs().max() < 0.1


def test_bfloat16_weights_run(memory: RichMemory) -> None:
    inputs = _inputs()
    half = inputs._replace(
        queries=inputs.queries.bfloat16(),
        maps=tuple(m.bfloat16() for m in inputs.maps),
        global_features=inputs.global_features.bfloat16(),
    )
    exact = memory(inputs)
    tokens = memory.bfloat16()(half)
    assert tokens.dtype == torch.bfloat16 and (tokens.float() - exact).abs().max() < 0.2


def test_slots_number_the_segments_of_each_picture() -> None:
    slots = Slots.of(IMAGES, 4)
    assert slots.places.tolist() == [0, 0, 0, 1, 2, 1] and slots.shape == (4, 3)
    rows = torch.arange(6.0)[:, None] + 1
    table = slots.table(rows)
    assert table[..., 0].tolist() == [[2, 0, 0], [1, 4, 5], [3, 6, 0], [0, 0, 0]]
    assert torch.equal(slots.flat(table), rows)
