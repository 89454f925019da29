"""Random generators by purpose: the same (seed, what it is for) gives the same numbers everywhere, on any machine."""

import hashlib

import numpy as np


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """A PCG64 generator for `purpose` (for example ``"channel", utterance_id``) under `seed`."""
    text = "\0".join((str(seed), *purpose))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")))
