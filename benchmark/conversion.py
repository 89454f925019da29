"""One-shot voice conversion in a codec's tokens: what one speaker says, in the voice of another.

The protocol of the FocalCodec papers (arXiv 2502.04465, section 4). With one codebook, each frame becomes the mean of
its nearest neighbours, by cosine, among the frames of a reference in the target voice (after kNN-VC, arXiv
2305.18975). With several, the first codebook is the source's and the others are the reference's, which is cut or
repeated in a circle.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.bits import Indices
from benchmark.codec import frame_of
from benchmark.conceal import Codes
from benchmark.token_statistics import stream
from benchmark.tokens import TokenCodec
from benchmark.types import Floats, NotMeasured, Signal

NEIGHBOURS = 4
DIGITS = 9  # of a cosine; what differs beyond them is rounding, which must not choose between equals


def convert(codec: Any, source: Sequence[bytes], reference: Sequence[bytes], voice: Signal) -> Signal:
    """What is said in `source`, in the voice of `reference`; the raw output, delay included.

    A codec with features of its own to compare, within its decoder, has a method ``convert(tokens, voice, neighbours)``
    from tokens [n, codebooks] of the source and the reference's signal to samples.

    Args:
        codec: a `TokenCodec`.
        source: payloads.
        reference: payloads of speech by the target speaker.
        voice: that speech, at the codec's input rate.

    Raises:
        NotMeasured: ``not_applicable`` where the codec is of another kind, ``too_short`` where the reference has fewer
            frames than neighbours are needed, ``codec_failed`` where the output is no finite signal.
    """
    if not isinstance(codec, TokenCodec):
        raise NotMeasured("not_applicable", "it is no TokenCodec (benchmark/tokens.py): its decoder takes no features")
    tokens, others = (_tokens(codec, payloads) for payloads in (source, reference))
    if hasattr(codec, "convert"):
        output = codec.convert(tokens, voice, NEIGHBOURS)
    else:
        single = codec.layout.codebooks == 1
        codes = nearest(codec.codes(tokens), codec.codes(others)) if single else codec.codes(stacked(tokens, others))
        output = codec.token_decoder().push(codes)
    if not np.isfinite(output).all():
        raise NotMeasured("codec_failed", "the decoder returned NaN or infinity for a converted voice")
    return np.asarray(output, np.float32)


def nearest(features: Codes, others: Codes, neighbours: int = NEIGHBOURS) -> Codes:
    """For each of `features` [n, dim] the mean of its nearest among `others` [m, dim]; of equals, the first.

    Raises:
        NotMeasured: ``too_short`` where there are fewer than `neighbours`.
    """
    if len(others) < neighbours:
        raise NotMeasured("too_short", f"the reference has {len(others)} frames, {neighbours} neighbours are needed")
    similarity = np.round(_directions(features) @ _directions(others).T, DIGITS)
    chosen = np.argsort(-similarity, axis=1, kind="stable")[:, :neighbours]
    mean: Codes = others[chosen].mean(axis=1, dtype=np.float64).astype(np.float32)
    return mean


def stacked(source: Indices, reference: Indices) -> Indices:
    """The first codebook of `source` [n, codebooks], the others of `reference` [m, codebooks].

    A longer reference is cut at its end; a shorter one stands in the middle, with its repetitions around it.
    """
    before = max(len(source) - len(reference), 0) // 2
    places = (np.arange(len(source)) - before) % len(reference)
    return np.concatenate([source[:, :1], reference[places, 1:]], axis=1)


def _directions(vectors: Codes) -> Floats:
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), np.finfo(np.float64).tiny))


def _tokens(codec: TokenCodec, payloads: Sequence[bytes]) -> Indices:
    """[n, codebooks]; silence where nothing was sent."""
    found = stream([frame_of(codec.info, i, payload) for i, payload in enumerate(payloads)], codec.info)
    tokens = found.tokens.reshape(-1, codec.layout.codebooks)
    unsent = np.flatnonzero(np.repeat(~found.sent, found.tokens.shape[1]))
    tokens[unsent] = codec.silence()[unsent % len(codec.silence())]
    return tokens
