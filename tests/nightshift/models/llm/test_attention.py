import pytest

from nightshift.models.llm.attention import Prefix, plain_attention, shared_prefix_attention


@pytest.mark.parametrize("new", [1, 5])
def test_a_shared_prefix_gives_what_attention_over_the_whole_gives(new: int) -> None:
    import torch

    torch.manual_seed(0)
    rows, heads, shared, width, before = 4, 6, 2, 16, 9
    query = torch.randn(rows, heads, new, width)
    key, value = torch.randn(rows, shared, 7, width), torch.randn(rows, shared, 7, width)
    prefix_key, prefix_value = torch.randn(1, shared, before, width), torch.randn(1, shared, before, width)
    bias = torch.zeros(rows, 1, new, 7).masked_fill(torch.rand(rows, 1, new, 7) < 0.3, float("-inf"))
    bias[..., -1] = 0.0
    module = torch.nn.Module()
    module.layer_idx = 0  # type: ignore[assignment]
    prefix = Prefix(tuple(range(before)), ((prefix_key, prefix_value),))
    found, _ = shared_prefix_attention(module, query, key, value, bias, prefix=prefix)
    whole = [
        torch.cat([first.expand(rows, -1, -1, -1), own], 2).repeat_interleave(3, 1)
        for first, own in ((prefix_key, key), (prefix_value, value))
    ]
    mask = torch.cat([torch.zeros(rows, 1, new, before), bias], 3)
    expected = torch.nn.functional.scaled_dot_product_attention(query, *whole, attn_mask=mask)
    torch.testing.assert_close(found, expected.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_the_fused_kernel_and_the_plain_one_agree() -> None:
    import torch

    from nightshift.models.llm.attention import _attend

    query, key, value = (torch.randn(2, 3, length, 8) for length in (4, 6, 6))
    for one, other in zip(
        _attend(query, key, value, None, 0.3), plain_attention(query, key, value, None, 0.3), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
