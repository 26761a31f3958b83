"""A name for this machine's arithmetic: two machines of one name round products, inverses and
decompositions alike."""

import hashlib

import numpy as np


def fingerprint() -> str:
    """Digest of one matrix product, inverse and decomposition, to the last bit."""
    random = np.random.default_rng(0)
    digest = hashlib.sha256()
    for size in (7, 40, 150):
        square = random.standard_normal((size, size))
        gram = square @ square.T + np.eye(size)
        narrow = square.astype(np.float32)
        for found in (
            gram,
            np.linalg.inv(gram),
            *np.linalg.eigh(gram),
            np.linalg.svd(square)[1],
            narrow @ narrow.T,
        ):
            digest.update(np.ascontiguousarray(found).tobytes())
    return digest.hexdigest()[:16]
