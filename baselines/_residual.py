"""What token codecs with a residual quantiser share: codes of the first few codebooks, and streams token by token.

Each codebook of a residual vector quantiser [Zeghidour et al. 2021, arXiv 2107.03312] refines the sum of those before
it, so the first k of them are a coarser picture; one frame is one token of all of them.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines._transformers import Checkpoint, load
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Signal

if TYPE_CHECKING:
    from torch import Tensor

QUIET = 1.0  # s of digital silence whose middle token stands for silence


def added(tables: Sequence[Codes], tokens: Indices) -> Codes:
    """The sums of the vectors of the first k codebooks: tokens [n, k] to codes [n, dim].

    Args:
        tables: of each codebook all vectors, [size, dim], as the decoder gets them (projected, where the model
            projects a codebook on its own). So the code of a token is its own, to the bit, whatever its neighbours.
        tokens: k from 1 to the number of tables.
    """
    codes = tables[0][tokens[:, 0]]
    for table, column in zip(tables[1:], tokens.T[1:], strict=False):
        codes = codes + table[column]
    return codes


class TokenByToken(TokenCodec):
    """A causal model of transformers that runs one token at a time, always.

    So the output cannot depend on how a stream was cut: over chunks of other lengths, sums are rounded otherwise.

    Args:
        checkpoint: of the model.
        layout: of its tokens.
        weights: as `load` takes them.
        seed: of random weights.
    """

    def __init__(self, checkpoint: Checkpoint, layout: TokenLayout, weights: str | None, seed: int) -> None:
        loaded = load(checkpoint, weights, seed)
        self.layout, self.model, self.cost = layout, loaded.model, loaded.cost
        self.info = token_info(layout, loaded.identity)

    @abstractmethod
    def sending(self) -> Sequence[Any]:
        """The layers of the encoder."""

    @abstractmethod
    def quantised(self, latents: "Tensor") -> "Tensor":
        """The indices [codebooks] of the encoder's output for one token, [1, dim, 1]."""

    @property
    @abstractmethod
    def tables(self) -> Sequence[Codes]:
        """The vectors of each codebook, [size, dim], for `added`."""

    @abstractmethod
    def receiving(self) -> Sequence[Any]:
        """The layers of the decoder."""

    def token_encoder(self) -> TokenEncoder:
        return _Encoder(self)

    def token_decoder(self) -> TokenDecoder:
        return _Decoder(self)

    def codes(self, tokens: Indices) -> Codes:
        return added(self.tables, tokens)

    def silence(self) -> Indices:
        return self._silence

    @cached_property
    def _silence(self) -> Indices:
        tokens = self.token_encoder().push(np.zeros(round(QUIET * self.layout.rate_in), np.float32))
        return tokens[len(tokens) // 2, None]


class _Encoder:
    def __init__(self, codec: TokenByToken) -> None:
        from baselines._causal import Chain

        self.codec, self.hop, self.network = codec, codec.layout.hop_in, Chain(codec.sending())
        self.rest = np.empty(0, np.float32)

    def push(self, signal: Signal) -> Indices:
        self.rest = np.concatenate([self.rest, signal])
        whole = len(self.rest) // self.hop * self.hop
        ready, self.rest = self.rest[:whole], self.rest[whole:]
        tokens = [self.token(block) for block in ready.reshape(-1, self.hop)]
        return np.array(tokens, np.int64).reshape(-1, self.codec.layout.codebooks)

    def token(self, block: Signal) -> Indices:
        import torch

        with torch.inference_mode():
            latents = self.network(torch.from_numpy(block)[None, None])
            indices: Indices = self.codec.quantised(latents).numpy()
        return indices

    def flush(self) -> Indices:
        return self.push(np.zeros(-len(self.rest) % self.hop, np.float32))


class _Decoder:
    def __init__(self, codec: TokenByToken) -> None:
        from baselines._causal import Chain

        self.network = Chain(codec.receiving())

    def push(self, codes: Codes) -> Signal:
        return np.concatenate([np.empty(0, np.float32), *map(self.token, codes)])

    def token(self, code: Codes) -> Signal:
        import torch

        with torch.inference_mode():
            signal: Signal = self.network(torch.from_numpy(code)[None, :, None])[0, 0].numpy()
        return signal
