"""`baselines.lyra`: what is ours around Google's models on planted ones, and the real ones where they are.

`Planted` stands for LiteRT and the models: each gives numbers that tell what it was given.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import _litert, lyra
from benchmark import fetch, weights
from benchmark.codec import decode, encode
from benchmark.types import Floats, NotMeasured, Signal, Slot, Unavailable, UserError
from tests.signals import check_receivers, check_sessions, slots_of, speech_like

BITRATES = {3_200: (16, 64, 8), 6_000: (30, 120, 15), 9_200: (46, 184, 23)}  # quantisers, bits, bytes
NOTHING = 0.5  # what the planted generator plays for zero features
FRAME = 320


class Planted:
    """A planted model: `called` counts the frames that it was asked for."""

    called = 0

    def __init__(self, content: bytes) -> None:
        self.content, self.frames = content, 0

    def __call__(self, values: Signal) -> Signal:
        """The encoder: 64 times the frame's first sample. The generator: a level, by the first quantiser's index."""
        self.frames += 1
        if self.content == b"encoder":
            return np.repeat(values[:1], 64)
        Planted.called += 1
        return np.full(FRAME, values[0] / 32 if values.any() else NOTHING, np.float32)


def planted_encode(input_frames: Signal, num_quantizers: np.int32) -> dict[str, Any]:
    """Every index is the size of the feature, in steps of 1/32; those of unused quantisers are -1."""
    assert input_frames.shape == (1, 1, 64)
    assert input_frames.dtype == np.float32
    indices = np.full((46, 1, 1), -1, np.int32)
    indices[:num_quantizers] = np.round(abs(input_frames[0, 0, 0]) * 32)
    return {"output_0": indices}


def planted_decode(encoding_indices: Any) -> dict[str, Any]:
    """The indices themselves are the first 46 features."""
    assert encoding_indices.shape[0] == 46
    assert encoding_indices.dtype == np.int32
    features = np.zeros((encoding_indices.shape[1], 1, 64), np.float32)
    features[:, 0, :46] = encoding_indices[:, :, 0].T
    return {"output_0": features}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> type[Planted]:
    """Lyra's models are planted ones, and LiteRT is not asked."""
    contents = {lyra.ENCODER: b"encoder", lyra.QUANTIZER: b"", lyra.GENERATOR: b"generator"}
    monkeypatch.setattr(_litert, "load", lambda name, files: contents)
    monkeypatch.setattr(_litert, "signatures", lambda content, *names: (planted_encode, planted_decode))
    monkeypatch.setattr(_litert, "Session", Planted)
    monkeypatch.setattr(lyra, "version", lambda name: "planted")
    monkeypatch.setattr(Planted, "called", 0)
    return Planted


def levels(*of: int) -> Signal:
    """A signal whose frames are encoded to these indices."""
    return np.repeat(np.array(of, np.float32) / 32, FRAME)


@pytest.mark.parametrize("bitrate", BITRATES)
@pytest.mark.usefixtures("planted")
def test_a_payload_holds_the_indices_first_quantiser_first(bitrate: int) -> None:
    codec = lyra.make(bitrate)
    quantizers, bits, size = BITRATES[bitrate]
    assert (codec.info.frame, codec.info.frame_bits, codec.info.codebooks, codec.info.token_bits) == (
        320,
        bits,
        quantizers,
        4,
    )
    assert (codec.info.rate_in, codec.info.rate_out, codec.info.delay, codec.info.lookahead) == (16_000, 16_000, 0, 0)
    assert bits * 50 == bitrate
    frames = encode(codec, levels(5, 10))
    assert [f.payload for f in frames] == [bytes([0x55] * size), bytes([0xAA] * size)]


@given(st.lists(st.lists(st.integers(0, 15), min_size=5, max_size=5), min_size=1, max_size=4))
def test_quantisers_that_have_no_say_get_minus_one(tokens: list[list[int]]) -> None:
    codec = SimpleNamespace(decode=planted_decode)
    codes = lyra.Lyra.codes(codec, np.array(tokens))  # type: ignore[arg-type]
    assert codes.shape == (len(tokens), 64)
    np.testing.assert_array_equal(codes[:, :5], tokens)
    np.testing.assert_array_equal(codes[:, 5:46], -1)


@pytest.mark.usefixtures("planted")
def test_planted_sessions() -> None:
    check_sessions(lyra.make(), speech_like(0.61) / 2)


@pytest.mark.usefixtures("planted")
def test_input_and_output_have_16_bits_and_are_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Signal] = []

    class Loud(Planted):
        def __call__(self, values: Signal) -> Signal:
            heard.append(values)
            return super().__call__(values) + np.float32(1.7 if self.content == b"generator" else 0)

    monkeypatch.setattr(_litert, "Session", Loud)
    codec = lyra.make()
    output = decode(codec, slots_of(encode(codec, np.full(FRAME, 0.3 / 32_768 + 1 / 32, np.float32))))
    assert heard[0][0] == 1 / 32
    assert output.max() == np.float32(32_767 / 32_768)


# --- what is lost ------------------------------------------------------------------------------------------------


def own(codec: Any, signal: Signal, lost: Any) -> Signal:
    """What is played, [frames, 320]."""
    return decode(codec, slots_of(encode(codec, signal), lost)).reshape(-1, FRAME)


def test_80_ms_are_generated_from_zero_features(planted: type[Planted]) -> None:
    played = own(lyra.make(), levels(*[8] * 9), range(3, 7))
    assert [frame.min() == frame.max() for frame in played] == [True] * 9
    np.testing.assert_array_equal(played[:, 0], [0.25] * 3 + [NOTHING] * 4 + [0.25] * 2)
    assert planted.called == 9


def test_then_it_fades_within_40_ms_and_the_model_stands_still_and_it_fades_back(
    planted: type[Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    monkeypatch.setattr(lyra.ComfortNoise, "hear", lambda self, frame: heard.append(frame[0]))
    played = own(lyra.make(), levels(*[8] * 16), range(2, 12))
    assert heard == [0.25] * 6, "of what came alone, and before it was faded"
    down = (1 + np.cos(np.pi * np.arange(640) / 640)) / 2
    back = (1 + np.cos(np.pi * np.arange(640, 0, -1) / 640)) / 2
    np.testing.assert_allclose(played[6:8].ravel(), NOTHING * down, atol=1e-4)
    np.testing.assert_allclose(played[8:12], 0, atol=1e-4)
    np.testing.assert_allclose(played[12:14].ravel(), 0.25 * back, atol=1e-4)
    np.testing.assert_array_equal(played[14:], 0.25)
    assert planted.called == 16 - 4


def google(lost: list[bool]) -> Floats:
    """The share of speech in each sample, as Google's decoder counts: a sample at a time, [frames * 320]."""
    concealed, faded, direction, shares = 0, 0, -1, []
    for gone in lost:
        if not gone:
            concealed = 0
        towards_noise = concealed == 1280
        if not gone:
            direction = -1
        elif towards_noise:
            direction = 1
        for _ in range(FRAME):
            concealed += gone and not towards_noise
            shares.append(0.5 + 0.5 * math.cos(faded * math.pi / 640))
            faded += direction if 0 <= faded + direction <= 640 else 0
    return np.array(shares)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 7)), max_size=8))
def test_the_fades_are_those_of_google_s_decoder(runs: list[tuple[bool, int]]) -> None:
    lost = [gone for gone, count in runs for _ in range(count)]
    decoder = lyra.OwnDecoder(None)  # type: ignore[arg-type]
    shares = [decoder.share(Slot(i, None if gone else b"x")) for i, gone in enumerate(lost)]
    np.testing.assert_allclose(np.array(shares).ravel(), google(lost), atol=1e-6)


@pytest.mark.usefixtures("planted")
def test_all_strategies_are_there_and_the_first_is_lyra_s_own() -> None:
    codec = lyra.make()
    slots = slots_of(encode(codec, levels(*[8] * 9)), range(4, 6))
    assert list(codec.info.concealments)[:2] == ["own", "repeat_fade"]
    assert len(codec.info.concealments) == 10
    np.testing.assert_array_equal(decode(codec, slots), decode(codec, slots, concealment="own"))
    assert not decode(codec, slots, concealment="mute").reshape(-1, FRAME)[4:6].any()
    with pytest.raises(UserError, match="'own', 'repeat_fade'"):
        codec.decoder("loud")


@pytest.mark.usefixtures("planted")
def test_nothing_sent_is_silence_and_not_lost() -> None:
    codec = lyra.make()
    payloads = [f.payload for f in encode(codec, levels(8, 8))]
    output = decode(codec, [Slot(0, payloads[0]), *(Slot(i, b"") for i in range(1, 9)), Slot(9, payloads[1])])
    played = output.reshape(-1, FRAME)[:, 0]
    np.testing.assert_array_equal(played, [0.25, *[0] * 8, 0.25])


@pytest.mark.parametrize("payload", [b"12345678x", b"1234567890123456"])
@pytest.mark.usefixtures("planted")
def test_a_payload_of_another_size_is_an_error_that_names_its_frame(payload: bytes) -> None:
    with pytest.raises(NotMeasured, match=f"frame 7 has {len(payload)} bytes, 8 were due") as caught:
        decode(lyra.make(), [Slot(7, payload)])
    assert caught.value.status == "codec_failed"


def noise_after(signal: Floats, frames: int = 200) -> Floats:
    """Comfort noise, after this was heard."""
    comfort = lyra.ComfortNoise()
    for frame in signal.astype(np.float32).reshape(-1, FRAME):
        comfort.hear(frame)
    return np.concatenate([comfort.play() for _ in range(frames)])[FRAME:].astype(np.float64)


def decibels(signal: Floats) -> float:
    return float(10 * np.log10(np.mean(signal**2)))


def test_comfort_noise_is_as_loud_and_as_coloured_as_the_noise_that_was_heard() -> None:
    white = 0.01 * np.random.default_rng(1).standard_normal(100 * FRAME)
    coloured = np.convolve(white, [0.25, 0.5, 0.25], "same")  # a zero at 8 kHz
    for noise in (white, coloured):
        comfort = noise_after(noise)
        power, wanted = (np.abs(np.fft.rfft(part[: 80 * FRAME].reshape(-1, 640))) ** 2 for part in (comfort, noise))
        octants = 10 * np.log10([each.mean(axis=0)[1:].reshape(8, -1).mean(axis=1) for each in (power, wanted)])
        assert np.all(np.abs(octants[0] - octants[1] + 3) < 1.7), "a tenth lies about 3 dB below the mean"


def test_comfort_noise_is_steady_and_ignores_speech_in_it() -> None:
    noise = 0.01 * np.random.default_rng(2).standard_normal(100 * FRAME)
    speech = noise.reshape(-1, FRAME).copy()
    speech[np.arange(100) % 5 > 1] *= 30  # three frames of five; of the windows one of five is free of it
    assert abs(decibels(noise_after(speech.ravel())) - decibels(noise)) < 2
    within = noise_after(noise, 600).reshape(-1, 8, 40)  # no part of a frame is louder than others
    assert np.ptp([decibels(within[:, part].ravel()) for part in range(8)]) < 1


def test_comfort_noise_is_silent_before_anything_was_heard_and_always_the_same() -> None:
    assert not noise_after(np.empty(0)).any()
    noise = 0.01 * np.random.default_rng(3).standard_normal(20 * FRAME)
    np.testing.assert_array_equal(noise_after(noise), noise_after(noise))


# --- files and packages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bitrate", [3_201, 3_200.0, True, "3200"])
def test_bitrates_that_it_does_not_have_are_refused(bitrate: Any) -> None:
    with pytest.raises(UserError, match=r"lyra: bitrate=.* choose from 3200, 6000, 9200"):
        lyra.make(bitrate)


def test_without_models_it_says_how_to_get_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    with pytest.raises(Unavailable, match="focalbench fetch lyra_v2"):
        lyra.make()


@pytest.mark.parametrize("place", ["lyra_v2", "models/lyra", "models/lyra_v2"])
def test_another_file_under_a_model_s_name_is_refused_in_one_line(
    place: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(tmp_path))
    folder = tmp_path / place
    folder.mkdir(parents=True)
    for name in lyra.MODELS:
        (folder / name).write_bytes(b"other")
    with pytest.raises(UserError) as caught:
        lyra.make()
    text = str(caught.value)
    assert text.startswith(
        f"{folder / lyra.ENCODER} has SHA-256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    )
    assert lyra.MODELS[lyra.ENCODER] in text
    assert "\n" not in text


def test_without_litert_it_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_litert, "load", lambda name, files: dict.fromkeys(files, b""))
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(Unavailable, match=r"focalbench\[lyra\]"):
        lyra.make()


def test_what_is_fetched_is_what_is_used() -> None:
    source = fetch.known()[lyra.SOURCE]
    assert {file.name: file.sha256 for file in source.files} == lyra.MODELS
    assert all("/47698dadf0010abff6a848e02642f55f806d4842/" in file.url for file in source.files)
    assert source.provides == lyra.SOURCE


@pytest.mark.parametrize(
    ("name", "takes", "gives", "wanted"),
    [
        ("CONV_2D", [(1, 25, 1, 64), (128, 10, 1, 64), (128,)], (1, 4, 1, 128), (82_048, 4 * 128 * 640, 0)),
        ("CONV_2D", [(1, 4, 1, 128), (128, 1, 1, 64), (128,)], (1, 4, 1, 128), (8_320, 4 * 128 * 64, 0)),  # 2 groups
        ("DEPTHWISE_CONV_2D", [(1, 22, 1, 64), (1, 3, 1, 64), (64,)], (1, 20, 1, 64), (256, 20 * 64 * 3, 0)),
        ("TRANSPOSE_CONV", [(4,), (64, 10, 1, 128), (1, 4, 1, 128), (64,)], (1, 25, 1, 64), (81_984, 4 * 128 * 640, 0)),
        ("READ_VARIABLE", [()], (1, 6, 1, 64), (0, 0, 1_536)),
        ("LEAKY_RELU", [(1, 20, 1, 64)], (1, 20, 1, 64), (0, 0, 0)),
    ],
)
def test_costs_of_operators_against_hand_counts(name: str, takes: Any, gives: Any, wanted: Any) -> None:
    assert _litert.operator_cost(name, takes, [gives]) == wanted


# --- Google's models ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=BITRATES)
def codec(request: pytest.FixtureRequest) -> lyra.Lyra:
    """A codec with Google's models."""
    return real(request.param)


def real(bitrate: int) -> lyra.Lyra:
    try:
        return lyra.make(bitrate)
    except Unavailable as error:
        pytest.skip(str(error))


def test_sessions(codec: lyra.Lyra) -> None:
    check_sessions(codec, speech_like(0.61))


def test_receivers_do_not_touch() -> None:
    codec = real(6_000)
    frames, others = encode(codec, speech_like(0.8)), encode(codec, -speech_like(0.8, seed=1))
    check_receivers(codec, slots_of(frames, range(9, 18)), slots_of(others, [5]))


def test_rates_are_exact(codec: lyra.Lyra) -> None:
    quantizers, bits, size = BITRATES[codec.layout.codebooks * 200]
    frames = encode(codec, speech_like(1))
    assert {(f.bits, len(f.payload)) for f in frames} == {(bits, size)}
    assert len(frames) == 50
    assert codec.layout.codebooks == quantizers


def test_a_rate_is_the_beginning_of_the_next() -> None:
    low, high = real(3_200), real(9_200)
    signal = speech_like(1)
    coarse, fine = encode(low, signal), encode(high, signal)
    assert [f.payload[:8] for f in fine] == [f.payload for f in coarse]
    cut = [Slot(f.index, f.payload[:8]) for f in fine]
    np.testing.assert_array_equal(decode(high, cut), decode(low, slots_of(coarse)))


def test_more_quantisers_come_closer_to_the_features() -> None:
    codec, signal = real(9_200), speech_like(1)
    session = _litert.Session(codec.models[lyra.ENCODER])
    features = np.array([session(frame) for frame in signal.reshape(-1, FRAME)])
    tokens = codec.token_encoder().push(signal)
    errors = [float(np.mean((codec.codes(tokens[:, :count]) - features) ** 2)) for count in range(1, 47)]
    assert errors[0] < 0.7 * np.mean(features**2)
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.1 * np.mean(features**2)
    np.testing.assert_array_equal(codec.codes(tokens), np.concatenate([codec.codes(token[None]) for token in tokens]))


def test_nothing_is_delayed_and_a_higher_rate_is_better() -> None:
    pesq = pytest.importorskip("pesq").pesq
    signal, scores = speech_like(3), []
    for bitrate in BITRATES:
        codec = real(bitrate)
        output = decode(codec, slots_of(encode(codec, signal)))[: len(signal)]
        lags = {lag: np.dot(signal[800:-800], output[800 + lag : len(output) - 800 + lag]) for lag in range(-400, 401)}
        assert abs(max((value, lag) for lag, value in lags.items())[1]) <= 16, "1 ms"
        scores.append(pesq(16_000, signal, output, "wb"))
    assert scores[0] + 0.3 < scores[1] < scores[2]


def test_silence_is_quiet(codec: lyra.Lyra) -> None:
    assert codec.silence().shape == (1, codec.layout.codebooks)
    output = decode(codec, [Slot(i, b"") for i in range(50)])
    assert np.abs(output[FRAME:]).max() < 0.003


def test_what_it_costs() -> None:
    cost = real(6_000).cost()
    assert cost["parameters"] == pytest.approx(1.37e6, rel=0.01)
    assert cost["macs_per_second"] == pytest.approx(2e8, rel=0.02)
    assert cost["state_bytes"] == pytest.approx(107_000, rel=0.01)


@pytest.mark.parametrize(("bitrate", "wanted"), [(3_200, 2.43), (6_000, 2.97), (9_200, 3.25)])
def test_pesq_of_a_clip_of_librispeech(bitrate: int, wanted: float) -> None:
    soundfile, pesq = pytest.importorskip("soundfile"), pytest.importorskip("pesq").pesq
    codec, clip = real(bitrate), weights.data_root() / "data/read_speech/dev/84-121123-0001.flac"
    if not clip.is_file():
        pytest.skip(f"no {clip}")
    signal = soundfile.read(clip, dtype="float32")[0]
    output = decode(codec, slots_of(encode(codec, signal)))[: len(signal)]
    assert pesq(16_000, signal, output, "wb") == pytest.approx(wanted, abs=0.05)
