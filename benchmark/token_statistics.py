"""What a token stream is made of, and how far it changes with what is heard: codes used, entropy, errors.

The entropy over the codes that are used is normalised as in FocalCodec (arXiv 2502.04465). From a finite sample an
entropy comes out too low; it is corrected after G. A. Miller, "Note on the bias of information estimates", Information
Theory in Psychology, 1955 (known as Miller-Madow). A codebook has 2^bits codes: all that a payload can hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log, log2
from statistics import fmean
from typing import NamedTuple

import numpy as np

from benchmark.bits import Indices, unpack
from benchmark.types import Booleans, CodecInfo, Frame, Measured, NotMeasured, ValueInfo

SCORER = "tokens"  # in the table of results
ENOUGH = 10  # tokens per code of a codebook; with fewer, codes that are rare look as if they were not used
MEAN = "mean over codebooks"
VALUES: Mapping[str, ValueInfo] = {
    "token_count": ValueInfo("tokens", "neither", "tokens counted, which is indices of each codebook"),
    "token_silence": ValueInfo("share", "neither", "frames in which nothing was sent, which hold no tokens"),
    "token_usage": ValueInfo("share", "higher", f"codes that occur, of all; {MEAN}"),
    "token_entropy": ValueInfo("bit", "neither", f"entropy of the codes as they were counted, per index; {MEAN}"),
    "token_entropy_all": ValueInfo("share", "higher", f"entropy over log2 of all codes; {MEAN}"),
    "token_entropy_used": ValueInfo(
        "share", "higher", f"entropy over log2 of the codes that occur, as in arXiv 2502.04465; {MEAN}"
    ),
    "token_perplexity": ValueInfo(
        "codes", "higher", f"2 to the entropy, its bias corrected (Miller 1955), at most all codes; that of the {MEAN}"
    ),
    "token_nominal_bps": ValueInfo("bit/s", "lower", "bits of all indices over the duration of all frames"),
    "token_entropy_bps": ValueInfo(
        "bit/s",
        "lower",
        "corrected entropy of all indices over the duration of all frames, summed over codebooks: what a coder needs "
        "that knows how often each code occurs, and nothing of its neighbours",
    ),
}
OF_EACH = ("token_usage", "token_entropy", "token_perplexity")  # told of each of several codebooks too
ERRORS: Mapping[str, ValueInfo] = {
    "token_error": ValueInfo(
        "share", "lower", "indices other than for the clean speech, before the network; a time shift is made up for"
    ),
    "token_bit_error": ValueInfo(
        "share",
        "lower",
        "bits of these indices that differ; .5 is chance. Where codes are rows of signs, each bit is a decision of "
        "its own; elsewhere it says no more than the share of indices",
    ),
}


class Stream(NamedTuple):
    """Tokens [frames, per frame, codebooks], and in which frames [frames] any were sent; in others they are 0."""

    tokens: Indices
    sent: Booleans


class Codebook(NamedTuple):
    """How often each code that occurs does, [used], of `size` codes."""

    counts: Indices
    size: int

    @property
    def usage(self) -> float:
        """Codes that occur, of all."""
        return len(self.counts) / self.size

    @property
    def entropy(self) -> float:
        """Of the counted frequencies, bits per index."""
        total = self.counts.sum()
        return float(self.counts @ np.log2(total / self.counts) / total)

    @property
    def corrected(self) -> float:
        """The entropy without what a finite sample takes from it on average, bits; at most log2 of `size`."""
        missing = (len(self.counts) - 1) / (2 * int(self.counts.sum()) * log(2))
        return min(self.entropy + missing, log2(self.size))


def stream(frames: Sequence[Frame], info: CodecInfo) -> Stream:
    """The tokens of a codec's frames; those that stand for padding at the end are among them.

    Raises:
        ValueError: for a codec that sends no tokens.
        NotMeasured: ``not_applicable`` where frames differ in size, ``codec_failed`` where tokens do not fit.
    """
    if info.token_bits is None:
        raise ValueError("stream: this codec sends no tokens")
    sent = np.array([bool(frame.payload) for frame in frames], bool)
    sizes = sorted({frame.bits for frame in frames if frame.payload})
    if len(sizes) > 1:
        text = f"frames have {sizes[0]} to {sizes[-1]} bits: nothing says which tokens are in which"
        raise NotMeasured("not_applicable", text)
    bits, token = sum(sizes), info.token_bits * info.codebooks
    if bits % token:
        text = f"{bits} bits of a frame are no whole number of tokens"
        raise NotMeasured("codec_failed", f"{text} of {info.codebooks} × {info.token_bits} bits")
    tokens = np.zeros((len(frames), bits // token, info.codebooks), np.int64)
    for place, payload in ((i, frame.payload) for i, frame in enumerate(frames) if frame.payload):
        try:
            tokens[place] = unpack(payload, info.token_bits, tokens.shape[1:])
        except ValueError as error:
            raise NotMeasured("codec_failed", f"frame {place}: {error}") from error
    return Stream(tokens, sent)


# --- What it is made of ---


def statistics(streams: Sequence[Stream], info: CodecInfo, seconds: float) -> list[Measured]:
    """The values of `VALUES` over all streams of a codec, which last so many seconds; of several codebooks, each too.

    Raises:
        NotMeasured: ``not_applicable`` where no tokens were sent.
    """
    assert info.token_bits is not None
    sent = np.concatenate([one.sent for one in streams])
    tokens = np.concatenate([one.tokens[one.sent].reshape(-1, info.codebooks) for one in streams])
    if not len(tokens):
        raise NotMeasured("not_applicable", "no tokens were sent")
    books = [Codebook(np.unique(column, return_counts=True)[1], 1 << info.token_bits) for column in tokens.T]
    bits = len(tokens) * sum(book.corrected for book in books)
    of_each = (_of_one(book, f"_{number}") for number, book in enumerate(books, 1))
    return [
        Measured("token_count", float(len(tokens))),
        Measured.ratio("token_silence", int(np.count_nonzero(~sent)), len(sent)),
        *_pooled(books),
        Measured.ratio("token_nominal_bps", len(tokens) * info.codebooks * info.token_bits, seconds),
        Measured.ratio("token_entropy_bps", bits, seconds),
        *(value for values in of_each if len(books) > 1 for value in values),
    ]


def _pooled(books: Sequence[Codebook]) -> Iterator[Measured]:
    """One number for all codebooks, which are of equal size."""
    size = books[0].size
    yield Measured.ratio("token_usage", fmean(len(book.counts) for book in books), size)
    yield Measured("token_entropy", fmean(book.entropy for book in books))
    yield Measured("token_entropy_all", fmean(book.entropy for book in books) / log2(size))
    if min(len(book.counts) for book in books) > 1:
        yield Measured("token_entropy_used", fmean(book.entropy / log2(len(book.counts)) for book in books))
    else:
        text = "a single code is used, over whose logarithm, 0, nothing can be divided"
        yield Measured("token_entropy_used", None, "not_applicable", text)
    yield Measured("token_perplexity", 2 ** fmean(book.corrected for book in books))


def _of_one(book: Codebook, suffix: str) -> Iterator[Measured]:
    """`OF_EACH` of one of several codebooks."""
    yield Measured.ratio(f"token_usage{suffix}", len(book.counts), book.size)
    yield Measured(f"token_entropy{suffix}", book.entropy)
    yield Measured(f"token_perplexity{suffix}", 2**book.corrected)


def info_of(name: str) -> ValueInfo:
    """What is to be known of a value of `statistics`, of one codebook too."""
    return VALUES[name if name in VALUES else name.rpartition("_")[0]]


# --- How far it changes ---


def token_errors(
    clean: Sequence[Frame], heard: Sequence[Frame], info: CodecInfo, shift_ms: float = 0.0
) -> list[Measured]:
    """The values of `ERRORS`: what a codec made of clean speech against what it made of the same in a room.

    Compared is what both sent. `shift_ms` is by how much the speech that was heard is later: its tokens are compared
    with the clean ones nearest in time, so that a codec is not blamed for a token's place.

    Raises:
        ValueError: for a codec that sends no tokens.
    """
    try:
        first, second, sent = _side_by_side(stream(clean, info), stream(heard, info), info, shift_ms)
    except NotMeasured as error:
        return [Measured(name, None, error.status, error.reason) for name in ERRORS]
    differing = (first ^ second)[sent]
    flipped = int(np.bitwise_count(differing).sum())
    return [
        Measured.ratio("token_error", int(np.count_nonzero(differing)), differing.size),
        Measured.ratio("token_bit_error", flipped, differing.size * (info.token_bits or 0)),
    ]


def _side_by_side(clean: Stream, heard: Stream, info: CodecInfo, shift_ms: float) -> tuple[Indices, Indices, Booleans]:
    """Tokens [n, codebooks] that belong together, and which of these places [n] both sent."""
    if not (clean.sent.any() and heard.sent.any()):
        raise NotMeasured("not_applicable", "no tokens were sent")
    if clean.tokens.shape != heard.tokens.shape:
        counts = [f"{one.tokens.shape[0]} frames of {one.tokens.shape[1]} tokens" for one in (clean, heard)]
        raise NotMeasured("not_applicable", f"{counts[0]} of clean speech, {counts[1]} here: which belong together?")
    each = clean.tokens.shape[1]
    late = round(shift_ms * info.rate_in * each / (1000 * info.frame))
    first, second = (one.tokens.reshape(-1, info.codebooks) for one in (clean, heard))
    count = max(len(first) - late, 0)
    sent = [np.repeat(one.sent, each) for one in (clean, heard)]
    both = sent[0][:count] & sent[1][late:]
    if not both.any():
        raise NotMeasured("not_applicable", "no token was sent of both that could be compared")
    return first[:count], second[late:], both
