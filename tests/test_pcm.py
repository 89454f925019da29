"""`baselines.pcm`: transparent, streaming, silent where frames are lost."""

import numpy as np
import pytest

from baselines import pcm
from benchmark.codec import decode, encode
from benchmark.types import NotMeasured, Slot, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_sessions(rate: int) -> None:
    codec, signal = pcm.make(rate=rate), speech_like(0.51, rate)
    check_sessions(codec, signal)
    check_receivers(codec, slots_of(encode(codec, signal), {3}), slots_of(encode(codec, -signal)))


def test_sixteen_bit_audio_passes_unchanged() -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int32)
    signal = (samples / 32_768).astype(np.float32)
    frames = encode(pcm.make(), signal)
    np.testing.assert_array_equal(decode(pcm.make(), slots_of(frames))[: len(signal)], signal)
    assert sum(f.bits for f in frames) == 16 * len(frames) * 320


def test_beyond_full_scale_is_clipped_not_wrapped() -> None:
    signal = np.array([1.5, 1.0, -1.5], np.float32)
    output = decode(pcm.make(), slots_of(encode(pcm.make(), signal)))
    np.testing.assert_array_equal(output[:3], [32_767 / 32_768, 32_767 / 32_768, -1])


@pytest.mark.parametrize("payload", [None, b""])
def test_what_is_not_there_is_silence(payload: bytes | None) -> None:
    signal = speech_like(0.1)
    slots = slots_of(encode(pcm.make(), signal))
    slots[2] = Slot(2, payload)
    output = decode(pcm.make(), slots)
    assert not output[640:960].any()
    assert output[:640].any()
    assert output[960:].any()


def test_nothing_in_nothing_out() -> None:
    assert encode(pcm.make(), np.empty(0, np.float32)) == []


def test_refuses() -> None:
    with pytest.raises(NotMeasured, match="frame 4 has 5 bytes, 640 were due"):
        decode(pcm.make(), [Slot(4, b"12345")])
    for rate in (11_025, 4_000, 200_000, 16_000.0, True, "16k", None):
        with pytest.raises(UserError, match=rf"rate={rate!r} .* 8000 to 96000 in steps of 50"):
            pcm.make(rate=rate)  # type: ignore[arg-type]  # what a user may write
