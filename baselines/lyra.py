"""Lyra V2 (https://github.com/google/lyra, release 1.3.2) at 3200, 6000 and 9200 bit/s by its own models; 16 kHz.

A SoundStream encoder (arXiv 2107.03312) makes 64 features of every 20 ms; 16, 30 or 46 residual quantisers of 4 bits
each make them 8, 15 or 23 bytes, laid out as Google's packets are; LyraGAN makes 20 ms again, with nothing delayed.

This is longer than 100 lines because how Lyra conceals what is lost is in none of its models: it is code of Google's
decoder, told here anew (`OwnDecoder`) with a simpler comfort noise (`ComfortNoise`). DTX is left out.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version

import numpy as np

from baselines import _litert
from baselines._framed import from_int16, require, to_int16
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.seeds import generator
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Card, Decoder, Signal, Slot

CARD = Card(
    family="neural, residual codebooks",
    rates="3.2, 6, 9.2 kbit/s",
    source="N. Zeghidour et al., SoundStream, IEEE/ACM TASLP 30, 2022, arXiv 2107.03312; models: google/lyra 1.3.2",
    code="Apache-2.0",
    weights="Apache-2.0",
    training="as Google says, thousands of hours of speech by speakers of over 90 languages; the data are not named",
)
SOURCE = "lyra_v2"
ENCODER, QUANTIZER, GENERATOR = "soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite"
MODELS = {
    ENCODER: "237da0b16226fb0a68d49551c81bebf614e42142af72764448359f68581e88f1",
    QUANTIZER: "841ee05989687d32d1f616a8ad1419fc7eda37599d3c05c7cf5a0d60ccf8ac5c",
    GENERATOR: "50e7839cda4f30599a3a34cfaddcd9c98449b049eee884e1a74295780448ad06",
}
RATE, FRAME = 16_000, 320  # Hz, samples
FEATURES, BITS = 64, 4  # of a frame; of each quantiser
QUANTIZERS = {3_200: 16, 6_000: 30, 9_200: 46}
ALL = max(QUANTIZERS.values())
UNUSED = -1  # the index of a quantiser that has no say
CONCEALED = 4  # frames that are generated from nothing, 80 ms
FADE = 640  # samples between speech and comfort noise, 40 ms
QUIETEST, HEARD = 0.1, 100  # the share of the last frames (2 s) that is taken for noise
BAND = 8  # bins of a window's spectrum, 200 Hz
WINDOW = np.sin(np.pi * (np.arange(2 * FRAME) + 0.5) / (2 * FRAME))  # squared, two halves add up to 1


class Lyra(TokenCodec):
    """One bitrate: 3200, 6000 or 9200 bit/s."""

    def __init__(self, bitrate: int = 3_200) -> None:
        require("lyra: bitrate", bitrate, tuple(QUANTIZERS))
        self.layout = TokenLayout(RATE, RATE, FRAME, FRAME, BITS, QUANTIZERS[bitrate], residual=True)
        self.models = _litert.load(SOURCE, MODELS)
        self.encode, self.decode = _litert.signatures(self.models[QUANTIZER], "encode", "decode")
        checksums = "sha256 " + ", ".join(digest[:16] for digest in MODELS.values())
        info = token_info(self.layout, {"ai-edge-litert": version("ai-edge-litert"), "weights": checksums})
        self.info = replace(info, concealments={"own": 0, **info.concealments})

    def token_encoder(self) -> TokenEncoder:
        return LyraEncoder(self)

    def token_decoder(self) -> TokenDecoder:
        return LyraDecoder(self)

    def decoder(self, concealment: str = "") -> Decoder:
        """A receiving session; `concealment` is one of `info.concealments`, ``""`` the first of them."""
        require("concealment", concealment, ("", *self.info.concealments))
        if concealment in ("", "own"):
            return OwnDecoder(super().decoder("zero_latent"))
        return super().decoder(concealment)

    def codes(self, tokens: Indices) -> Codes:
        """Features, [n, 64], of tokens [n, k]; the quantisers beyond the first k add nothing."""
        filled = np.full((ALL, len(tokens), 1), UNUSED, np.int32)
        filled[: tokens.shape[1], :, 0] = tokens.T
        return self.decode(encoding_indices=filled)["output_0"].reshape(-1, FEATURES)

    def silence(self) -> Indices:
        return self._silence

    def cost(self) -> dict[str, float]:
        """Parameters, multiply-accumulates per second of audio, bytes of a stream's state."""
        codebook = 2**BITS * FEATURES
        quantizer = np.array([ALL * codebook, self.layout.codebooks * codebook, 0])
        parts = [quantizer, *(_litert.cost(self.models[name]) for name in (ENCODER, GENERATOR))]
        parameters, per_frame, state = np.sum(parts, axis=0).tolist()
        return {"parameters": parameters, "macs_per_second": per_frame * RATE / FRAME, "state_bytes": state}

    @cached_property
    def _silence(self) -> Indices:
        return self.token_encoder().push(np.zeros(RATE, np.float32))[-1:]


class LyraEncoder:
    """One sending session: 16 bits in, as Lyra takes them, a token as soon as 20 ms are there."""

    def __init__(self, codec: Lyra) -> None:
        self.codec, self.model = codec, _litert.Session(codec.models[ENCODER])
        self.rest = np.empty(0, np.float32)

    def push(self, signal: Signal) -> Indices:
        signal = np.concatenate([self.rest, from_int16(to_int16(signal))])
        whole = len(signal) // FRAME * FRAME
        self.rest = signal[whole:]
        tokens = [self.token(frame) for frame in signal[:whole].reshape(-1, FRAME)]
        return np.array(tokens, np.int64).reshape(-1, self.codec.layout.codebooks)

    def flush(self) -> Indices:
        return self.push(np.zeros(-len(self.rest) % FRAME, np.float32))

    def token(self, frame: Signal) -> Indices:
        """The indices of one frame, [codebooks]."""
        count = self.codec.layout.codebooks
        features = self.model(frame)[None, None]
        found: Indices = self.codec.encode(input_frames=features, num_quantizers=np.int32(count))["output_0"]
        return found.reshape(-1)[:count]


class LyraDecoder:
    """One receiving session: features in, 16 bits out."""

    def __init__(self, codec: Lyra) -> None:
        self.model = _litert.Session(codec.models[GENERATOR])

    def push(self, codes: Codes) -> Signal:
        return from_int16(to_int16(np.concatenate([self.model(code) for code in codes])))


class OwnDecoder:
    """Lyra's concealment: generates from zero features for 80 ms, then fades to comfort noise within 40 ms.

    In comfort noise the model stands still. When a packet comes, 40 ms fade back; what is lost meanwhile does not turn
    the fade around before another 80 ms are over. Before the first packet, Lyra takes zero features too, this one those
    of silence.

    Args:
        decoder: plays zero features in place of what is lost.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder, self.noise = decoder, ComfortNoise()
        self.concealed = 0  # frames since the last packet, at most `CONCEALED`
        self.faded, self.step = 0, -1  # samples on the way to comfort noise, and which way it goes

    def push(self, slots: Sequence[Slot]) -> Signal:
        shares = [self.share(slot) for slot in slots]
        played = iter(self.decoder.push([slots[i] for i, share in enumerate(shares) if share.any()]).reshape(-1, FRAME))
        frames = [next(played) if share.any() else np.zeros(FRAME, np.float32) for share in shares]
        mixed = [self.mixed(*each) for each in zip(slots, shares, frames, strict=True)]
        return np.concatenate([np.empty(0, np.float32), *mixed])

    def flush(self) -> Signal:
        """Nothing."""
        return np.empty(0, np.float32)

    def share(self, slot: Slot) -> Signal:
        """How much of each sample is speech, [320]; the rest is comfort noise."""
        if slot.payload is not None:
            self.concealed, self.step = 0, -1
        elif self.concealed < CONCEALED:
            self.concealed += 1
        else:
            self.step = 1
        begun, self.faded = self.faded, min(max(self.faded + self.step * FRAME, 0), FADE)
        if begun == self.faded:
            return np.full(FRAME, begun == 0, np.float32)
        place = begun + self.step * np.arange(FRAME)
        return np.asarray((1 + np.cos(np.pi / FADE * place)) / 2, np.float32)

    def mixed(self, slot: Slot, share: Signal, frame: Signal) -> Signal:
        """What is played, of a frame as the model has it; noise is learned from frames that came."""
        if slot.payload:
            self.noise.hear(frame)
        return frame if share.min() == 1 else share * frame + (1 - share) * self.noise.play()


class ComfortNoise:
    """Noise of random phases, in each 200 Hz as loud as what was heard is in the quietest tenth of two seconds.

    Noise by quantiles: V. Stahl, A. Fischer, R. Bippus, ICASSP 2000, pp. 1875-1878. Lyra follows the minima of 160 mel
    bands, which it smooths the less the more they change.
    """

    def __init__(self) -> None:
        self.last = np.zeros(FRAME, np.float32)  # frame that came
        self.heard = deque([np.zeros(2 * FRAME, np.float32)], HEARD)
        self.rest = np.zeros(FRAME, np.float32)  # of the noise that was begun
        self.random = generator(0, "lyra", "comfort noise")

    def hear(self, frame: Signal) -> None:
        """Take note of a frame that came."""
        self.heard.append(np.concatenate([self.last, frame]))
        self.last = frame

    def play(self) -> Signal:
        """A frame of noise that goes on from the last one."""
        powers = np.abs(np.fft.rfft(WINDOW * np.array(self.heard))[:, 1:]) ** 2
        bands = powers.reshape(len(powers), -1, BAND).mean(axis=2)
        power = np.quantile(bands, QUIETEST, axis=0).repeat(BAND)
        phases = np.exp(2j * np.pi * self.random.random(FRAME))
        # Half of a window's power is lost in taking it, and half in giving: the factor of 2 is for the latter.
        noise = np.asarray(WINDOW * np.fft.irfft(np.append(0, np.sqrt(2 * power) * phases)), np.float32)
        played, self.rest = self.rest + noise[:FRAME], noise[FRAME:]
        return played


make = Lyra
