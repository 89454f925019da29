"""Deterministic speech-like signals: a small source-filter synthesiser (Klatt 1980, doi:10.1121/1.383940).

And `check_sessions`, what every streaming codec of ours must do with them.
"""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from scipy.signal import lfilter

from benchmark.codec import decode, encode, trim
from benchmark.types import Codec, Floats, Frame, Signal, Slot

BLOCK = 0.005  # s: formants, pitch and level move once per block
# First three formants in Hz of /a/, /i/, /u/, /e/, /o/, a schwa (Peterson and Barney 1952, rounded).
VOWELS = np.array(
    [
        (730, 1090, 2440),
        (270, 2290, 3010),
        (300, 870, 2240),
        (530, 1840, 2480),
        (570, 840, 2410),
        (500, 1500, 2500),
    ]
)
BANDWIDTHS = (80.0, 110.0, 160.0)  # Hz


def speech_like(seconds: float, rate: int = 16_000, seed: int = 0) -> Signal:
    """Syllables of a glottal pulse train through moving formants, noise bursts and pauses.

    The same arguments give the same samples.

    Args:
        seconds: length, s.
        rate: sample rate, Hz.
        seed: another seed is another speaker saying something else.

    Returns:
        float32, shape (round(seconds * rate),), peak 0.5, over a noise floor of -70 dB.
    """
    random = np.random.default_rng(seed)
    samples, block = round(seconds * rate), round(BLOCK * rate)
    tracks = _tracks(max(-(-samples // block), 1), random)
    source = _source(tracks, block, rate, random)
    state = [np.zeros(2) for _ in BANDWIDTHS]
    blocks = zip(source, tracks["formants"], strict=True)
    voice = np.concatenate([_formants(pulses, targets, state, rate) for pulses, targets in blocks])
    voice *= np.repeat(tracks["level"], block)
    hiss = np.diff(random.standard_normal(len(voice) + 1)) * np.repeat(tracks["noise"], block)
    signal = voice / max(np.abs(voice).max(), 1e-9) + 0.15 * hiss
    signal = 0.5 * signal / max(np.abs(signal).max(), 1e-9) + 3e-4 * random.standard_normal(len(signal))
    return signal[:samples].astype(np.float32)


def _tracks(blocks: int, random: np.random.Generator) -> dict[str, Floats]:
    """What the speaker does in each block: pitch in Hz, formants in Hz, voiced level, noise level."""
    base = random.uniform(95, 210)
    pitch, formants, level, noise = [np.empty(0)], [np.empty((0, 3))], [np.empty(0)], [np.empty(0)]
    vowel = VOWELS[random.integers(len(VOWELS))]
    while sum(map(len, pitch)) < blocks:
        burst, voiced, pause = random.integers(6, 16), random.integers(20, 60), random.integers(4, 40)
        total = int(burst + voiced + pause)
        following = VOWELS[random.integers(len(VOWELS))]
        glide = np.clip((np.arange(total) - burst) / voiced, 0, 1)[:, None]
        formants.append((1 - glide) * vowel + glide * following)
        pitch.append(base * np.linspace(random.uniform(1, 1.25), random.uniform(0.75, 1), total))
        level.append(np.concatenate([np.zeros(burst), np.hanning(voiced + 2)[1:-1] ** 0.3, np.zeros(pause)]))
        noise.append(np.concatenate([np.hanning(burst + 2)[1:-1], np.zeros(voiced + pause)]))
        vowel = following
    rows = {"pitch": pitch, "formants": formants, "level": level, "noise": noise}
    return {name: np.concatenate(parts)[:blocks] for name, parts in rows.items()}


def _source(tracks: dict[str, Floats], block: int, rate: int, random: np.random.Generator) -> Floats:
    """Glottal pulses with 1 % jitter and a little breath, shape (blocks, block)."""
    pitch = np.repeat(tracks["pitch"] * (1 + 0.01 * random.standard_normal(len(tracks["pitch"]))), block)
    pulses = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0.0)
    breath = 0.01 * random.standard_normal(len(pulses))
    tilted: Floats = lfilter([1.0], [1.0, -0.9], pulses + breath)
    return tilted.reshape(-1, block)


def _formants(source: Floats, frequencies: Floats, state: list[Floats], rate: int) -> Floats:
    """One block through the resonators in cascade; updates `state`, leaves out formants near Nyquist."""
    for index, (frequency, bandwidth) in enumerate(zip(frequencies, BANDWIDTHS, strict=True)):
        if frequency < 0.45 * rate:
            radius = np.exp(-np.pi * bandwidth / rate)
            poles = [1.0, -2 * radius * np.cos(2 * np.pi * frequency / rate), radius**2]
            source, state[index] = lfilter([sum(poles)], poles, source, zi=state[index])
    return source


def slots_of(frames: list[Frame], lost: Collection[int] = (), ahead: int = 1) -> list[Slot]:
    """The slots of `frames` when those at the indices `lost` never arrive and `ahead` frames are buffered."""
    payloads = [None if frame.index in lost else frame.payload for frame in frames]
    return [Slot(i, payload, tuple(payloads[i + 1 : i + 1 + ahead])) for i, payload in enumerate(payloads)]


def here(call: Callable[[], Any]) -> Any:
    """The plain way to run something; Codec2 needs another."""
    return call()


def check_sessions(codec: Codec, signal: Signal, run: Callable[[Callable[[], Any]], Any] = here) -> None:
    """Chunking changes nothing, whatever is lost; nothing is missing; interleaved senders do not touch."""
    info = codec.info
    frames = encode(codec, signal)
    assert [f.payload for f in frames] == [f.payload for f in encode(codec, signal)], "not deterministic"
    for chunk in (97, info.frame, 3 * info.frame + 1):
        assert encode(codec, signal, chunk) == frames, f"chunks of {chunk} samples change the payloads"
    some = {0, 1, *range(7, 12), len(frames) - 1}
    for lost in ((), (0,), (len(frames) - 1,), some, range(len(frames))):
        slots = slots_of(frames, lost)
        whole = run(lambda slots=slots: decode(codec, slots))
        assert len(whole) == len(frames) * info.frame * info.rate_out // info.rate_in
        trim(whole, info.delay, len(signal) * info.rate_out // info.rate_in)
        for chunk in (1, 3):
            parts = run(lambda slots=slots, chunk=chunk: decode(codec, slots, chunk))
            np.testing.assert_array_equal(parts, whole, err_msg=f"{chunk} slots at once, lost: {lost}")
    _check_senders(codec, signal)


def _check_senders(codec: Codec, signal: Signal) -> None:
    one, other, step = codec.encoder(), codec.encoder(), 250
    sent: list[bytes] = []
    for start in range(0, len(signal), step):
        sent += one.push(signal[start : start + step])
        other.push(-0.3 * signal[::-1][start : start + step])
    assert sent + one.flush() == [f.payload for f in encode(codec, signal)], "two senders touch"


def check_receivers(codec: Codec, slots: list[Slot], others: list[Slot]) -> None:
    """Two interleaved receivers do not touch."""
    one, other = codec.decoder(), codec.decoder()
    parts = []
    for slot, unrelated in zip(slots, others, strict=True):
        parts.append(one.push([slot]))
        other.push([unrelated])
    parts.append(one.flush())
    np.testing.assert_array_equal(np.concatenate(parts), decode(codec, slots))
