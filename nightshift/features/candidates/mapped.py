"""Arrays that are too large to keep and too dear to make again: on disk, read through a memory map.

The file has no name, so it is gone with the process, however that ends; the pages are the system's to drop
and to read again.
"""

import shutil
import tempfile
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def room(taken: int, share: float) -> bool:
    """Whether so many bytes of mapped arrays, written or to be written, are at most a share of what is
    free under TMPDIR now."""
    return taken <= share * shutil.disk_usage(tempfile.gettempdir()).free


def mapped(array: NDArray[Any]) -> NDArray[Any]:
    """The same values in the same order, read-only, from a file; an empty array, and one from a file, as
    it is."""
    if not array.size or isinstance(array, np.memmap):
        return array
    with tempfile.TemporaryFile(prefix="nightshift-") as file:
        np.ascontiguousarray(array).tofile(file)
        file.flush()
        return np.memmap(file, array.dtype, "r", shape=array.shape)


def mapped_csr(matrix: sp.csr_array) -> sp.csr_array:
    """The same matrix with its arrays read from files."""
    parts = (mapped(matrix.data), mapped(matrix.indices), mapped(matrix.indptr))
    return sp.csr_array(parts, shape=matrix.shape, copy=False)
