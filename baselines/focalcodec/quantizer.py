"""Binary spherical quantisation (arXiv 2406.07548): the sign of each latent dimension is one bit of the token."""

from math import sqrt

import torch
from torch import Tensor


class Quantizer:
    """Tokens of `bits` bits; codes are the corners ``+-1/sqrt(bits)`` of a cube inscribed in the unit sphere."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.value = 1 / sqrt(bits)
        self.weights = 2 ** torch.arange(bits - 1, -1, -1)

    def tokens(self, latents: Tensor) -> Tensor:
        """[..., bits] to int64 [...]; the first dimension is the most significant bit, and 0 counts as negative."""
        return ((latents > 0) * self.weights).sum(-1)

    def codes(self, tokens: Tensor) -> Tensor:
        """Integers [...] to [..., bits]; the inverse of `tokens`."""
        bits = (tokens[..., None] & self.weights) != 0
        return torch.where(bits, self.value, -self.value)

    def codebook(self) -> Tensor:
        """All codes, shape [2^bits, bits], for example to initialise an embedding."""
        return self.codes(torch.arange(1 << self.bits))
