"""A token codec whose features are a voice and a content side by side, and a listener that tells the two apart.

A frame is two tones: one of eight low ones says what is said, one of three high ones who says it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Floats, Known, NotMeasured, Ratio, Result, Signal, ValueInfo

RATE, HOP = 16_000, 320
CONTENTS = 50 * np.arange(4, 20, 2)  # Hz, on the bins of a frame
VOICES = np.array([3000, 4000, 5000])
QUIETER = 0.5  # of a voice beside a content, so that contents decide who is near whom
NEEDS = ("reference", "same", "other")
LABELS = ("language",)
VALUES = {
    "spk_sim_colour": ValueInfo("", "higher", "cosine with the reference; planted", RATE),
    "spk_same_colour": ValueInfo("", "higher", "cosine with another, uncoded utterance; planted", RATE),
    "spk_other_colour": ValueInfo("", "neither", "cosine with somebody else; planted", RATE),
    "contents": ValueInfo("", "lower", "frames with another content than the reference", RATE),
}


def spoken(contents: Sequence[int], voice: int) -> Signal:
    """A frame for each of `contents`."""
    time = np.arange(HOP) / RATE
    tones = np.sin(2 * np.pi * CONTENTS[list(contents), None] * time)
    frames = 0.4 * tones + 0.2 * np.sin(2 * np.pi * VOICES[voice] * time)
    return np.asarray(frames.ravel(), np.float32)


def levels(signal: Signal) -> tuple[Floats, Floats]:
    """How loud each content and each voice is in whole frames: [n, 8] and [n, 3]."""
    spectra = np.abs(np.fft.rfft(signal[: len(signal) // HOP * HOP].reshape(-1, HOP))) * 2 / HOP
    return spectra[:, CONTENTS // 50], spectra[:, VOICES // 50]


class Coloured(TokenCodec):
    """One codebook of pairs, or two codebooks: contents and voices."""

    def __init__(self, codebooks: int = 1, group: int = 4, fault: str = "") -> None:
        self.layout = TokenLayout(RATE, RATE, HOP, HOP, 5 if codebooks == 1 else 3, codebooks, group, 1)
        self.info = token_info(self.layout, {"coloured": "1"})
        self.fault = fault

    def token_encoder(self) -> TokenEncoder:
        return _Encoder(self.layout)

    def token_decoder(self) -> TokenDecoder:
        return _Decoder(self.layout.group, self.fault)

    def codes(self, tokens: Indices) -> Codes:
        content, voice = (tokens[:, 0] // 4, tokens[:, 0] % 4) if self.layout.codebooks == 1 else tokens.T
        parts = (np.eye(len(CONTENTS))[content], QUIETER * np.eye(8)[voice, : len(VOICES)])
        return np.asarray(np.concatenate(parts, axis=1), np.float32)

    def silence(self) -> Indices:
        return np.full((self.layout.group, self.layout.codebooks), 4 * 5 + 3 if self.layout.codebooks == 1 else 5)


class _Encoder:
    def __init__(self, layout: TokenLayout) -> None:
        self.layout, self.rest = layout, np.empty(0, np.float32)

    def push(self, signal: Signal) -> Indices:
        self.rest = np.concatenate([self.rest, signal])
        whole = len(self.rest) // (HOP * self.layout.group) * HOP * self.layout.group
        ready, self.rest = self.rest[:whole], self.rest[whole:]
        content, voice = (part.argmax(axis=1) for part in levels(ready))
        found = 4 * content + voice if self.layout.codebooks == 1 else np.stack([content, voice], axis=1)
        return np.asarray(found, np.int64).reshape(-1, self.layout.codebooks)

    def flush(self) -> Indices:
        return self.push(np.zeros(-len(self.rest) % (HOP * self.layout.group), np.float32))


class _Decoder:
    def __init__(self, group: int, fault: str) -> None:
        self.group, self.fault = group, fault

    def push(self, codes: Codes) -> Signal:
        assert codes.dtype == np.float32
        assert not len(codes) % self.group
        time = np.arange(HOP) / RATE
        tones = np.sin(2 * np.pi * np.concatenate([CONTENTS, VOICES])[:, None] * time)
        played = np.asarray((0.4 * codes @ tones).ravel(), np.float32)
        return np.full_like(played, np.nan) if self.fault == "nan" else played[: len(played) // (1 + bool(self.fault))]


class Own(Coloured):
    """Converts in a way of its own: the reference itself, as much of it as neighbours are asked for."""

    def convert(self, tokens: Indices, voice: Signal, neighbours: int) -> Signal:
        return np.resize(voice[: neighbours * HOP], len(tokens) * HOP)


class Hears:
    """Says who speaks, as the mean levels of the voices, and what is said, frame by frame."""

    def describe(self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]) -> list[object]:
        assert rate == RATE
        heard = [levels(signal) for signal in signals]
        return [{"voice": voices.mean(axis=0), "said": contents.argmax(axis=1)} for contents, voices in heard]

    def compare(self, degraded: dict[str, Floats], known: Known) -> Mapping[str, Result]:
        told = {"sim": known.reference, "same": known.same, "other": known.other}
        said = np.asarray(known.reference["said"])[: len(degraded["said"])]  # type: ignore[index]  # it can be heard
        wrong = float((said != np.asarray(degraded["said"])[: len(said)]).sum())
        return {
            **{f"spk_{kind}_colour": _cosine(degraded, one) for kind, one in told.items()},
            "contents": Ratio(wrong, len(said)),
        }


def _cosine(degraded: dict[str, Floats], other: dict[str, Floats] | NotMeasured | None) -> Result:
    if other is None:
        return NotMeasured("not_applicable", "nobody is there")
    assert not isinstance(other, NotMeasured)
    one, two = np.asarray(degraded["voice"]), np.asarray(other["voice"])
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


make = Hears
