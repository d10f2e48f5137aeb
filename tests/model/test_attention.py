from __future__ import annotations

import torch
from torch import nn

from pix2cap.model.attention import Attention


def test_agrees_with_torchs_own_module_and_shares_its_names() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    query, key = torch.randn(2, 4, 12), torch.randn(2, 5, 12)
    allowed = torch.rand(4, 5) > 0.3
    allowed[:, 0] = True
    expected, _ = theirs(query, key, key, attn_mask=~allowed)
    torch.testing.assert_close(ours(query, key, key, allowed=allowed), expected)


def test_one_mask_a_picture_serves_all_heads() -> None:
    torch.manual_seed(0)
    attention = Attention(8, 2)
    query, key = torch.randn(2, 3, 8), torch.randn(2, 6, 8)
    allowed = torch.zeros(2, 1, 3, 6, dtype=torch.bool)
    allowed[0, ..., :2], allowed[1, ..., 4:] = True, True
    out = attention(query, key, key, allowed=allowed)
    torch.testing.assert_close(out[:1], attention(query[:1], key[:1, :2], key[:1, :2]))
    torch.testing.assert_close(out[1:], attention(query[1:], key[1:, 4:], key[1:, 4:]))
