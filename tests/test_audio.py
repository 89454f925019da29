"""Audio files in and out: what is read, what is refused and under which status."""

import numpy as np
import pytest
import soundfile

from benchmark import audio
from benchmark.types import NotMeasured

RATE = 16_000


def tone(rate=RATE, seconds=0.5, level=0.25):
    return (level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def saved(path, data, rate=RATE, subtype="PCM_16"):
    soundfile.write(path, data, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_mono_file_is_read_at_its_own_rate(tmp_path, rate, name):
    read = audio.read(saved(tmp_path / name, tone(rate), rate))
    assert (read.rate, read.channels) == (rate, 1)
    assert read.signal.dtype == np.float32
    assert read.signal.ndim == 1
    np.testing.assert_allclose(read.signal, tone(rate), atol=1 / 32768)


def test_channels_are_averaged_and_counted(tmp_path):
    read = audio.read(saved(tmp_path / "a.wav", np.stack([tone(), 0.5 * tone(), np.zeros(RATE // 2)], axis=1)))
    assert read.channels == 3
    assert read.signal.flags.c_contiguous
    np.testing.assert_allclose(read.signal, 0.5 * tone(), atol=1 / 32768)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_U8"])
def test_every_sample_format_is_on_the_same_scale(tmp_path, subtype):
    read = audio.read(saved(tmp_path / "a.wav", tone(level=0.25), subtype=subtype))
    assert np.abs(read.signal).max() == pytest.approx(0.25, abs=1 / 128 if subtype == "PCM_U8" else 1e-4)


@pytest.mark.parametrize(
    ("make", "status", "reason"),
    [
        (lambda p: p.write_text("this is no audio\n"), "input_failed", "a.wav cannot be read as audio"),
        (lambda p: p.write_bytes(b""), "input_failed", "a.wav cannot be read as audio"),
        (lambda p: saved(p, np.zeros(0)), "input_failed", "a.wav holds no samples"),
        (lambda p: saved(p, tone(seconds=0.01)), "too_short", "a.wav lasts 10 ms, at least 100 are needed"),
        (lambda p: saved(p, np.full(RATE, np.nan), subtype="FLOAT"), "input_failed", "a.wav holds NaN"),
        (lambda p: saved(p, np.full(RATE, np.inf), subtype="FLOAT"), "input_failed", "NaN or infinity"),
        (lambda p: saved(p, np.full(RATE, 1e300), subtype="DOUBLE"), "input_failed", "NaN or infinity"),
        (lambda p: saved(p, tone(), 1000), "input_failed", "a sample rate of 1000 Hz, outside 4000 to 192000"),
        (lambda p: saved(p, tone(), 1_000_000), "input_failed", "a sample rate of 1000000 Hz"),
        (lambda p: None, "input_failed", "a.wav cannot be read as audio"),
        (lambda p: p.mkdir(), "input_failed", "a.wav cannot be read as audio"),
    ],
    ids=[
        "text",
        "no bytes",
        "no samples",
        "10 ms",
        "nan",
        "infinity",
        "too large",
        "1 kHz",
        "1 MHz",
        "missing",
        "folder",
    ],
)
def test_what_cannot_be_used_says_why(tmp_path, make, status, reason):
    make(tmp_path / "a.wav")
    with pytest.raises(NotMeasured) as caught:
        audio.read(tmp_path / "a.wav")
    assert caught.value.status == status
    assert reason in caught.value.reason


@pytest.mark.parametrize("name", ["a.raw", "a.txt", "a"])
def test_the_name_of_a_file_does_not_matter(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 32_000)
    with pytest.raises(NotMeasured, match="cannot be read as audio"):
        audio.read(tmp_path / name)


def test_the_shortest_usable_file_is_used(tmp_path):
    assert len(audio.read(saved(tmp_path / "a.wav", tone(seconds=audio.SHORTEST))).signal) == RATE // 10


def test_written_audio_comes_back(tmp_path):
    audio.write(tmp_path / "deep" / "a.flac", tone(), RATE)
    assert soundfile.info(tmp_path / "deep" / "a.flac").subtype == "PCM_16"
    np.testing.assert_allclose(audio.read(tmp_path / "deep" / "a.flac").signal, tone(), atol=1 / 32768)


def test_what_is_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
    audio.write(tmp_path / "a.flac", tone(level=3.0), RATE)
    read = audio.read(tmp_path / "a.flac").signal
    np.testing.assert_allclose(read, np.clip(tone(level=3.0), -1, 1), atol=2 / 32768)
    assert np.abs(read).max() > 0.999
