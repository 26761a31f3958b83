import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nightshift.features.lists import list_columns, one_list

VALUES = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, np.nan]), st.floats(-1e6, 1e6, width=32))


@settings(deadline=None, max_examples=200)
@given(
    npst.arrays(
        np.float32, npst.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=30), elements=VALUES
    )
)
def test_one_list_is_placed_as_a_single_group_of_many(values: np.ndarray) -> None:
    names = [f"llm__{number}" for number in range(len(values))]
    rank, z = one_list(values)
    wanted = list_columns(dict(zip(names, values, strict=True)), np.zeros(values.shape[1], np.int64))
    np.testing.assert_allclose(rank, [wanted[f"{name}_rank"] for name in names], atol=1e-6)
    np.testing.assert_allclose(z, [wanted[f"{name}_z"] for name in names], rtol=1e-4, atol=1e-5)
