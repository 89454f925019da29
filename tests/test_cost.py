"""What a codec takes: torch's counter against hand counts, and the values of planted codecs in their own processes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmark import cost, registry
from benchmark.plan import Subject
from benchmark.probe import operations, parts, sessions
from benchmark.probe import subject as probing
from benchmark.probe.examination import Examination, facts
from benchmark.probe.operations import multiply_accumulates
from benchmark.probe.subject import Failed
from benchmark.probe.text import text
from benchmark.suite import Limits
from benchmark.types import CodecInfo, NotMeasured, Signal, Slot, Spec
from tests.multiplying import FRAME, NARROW, RATE, Forked, Matrices, Remembering, Whole
from tests.signals import speech_like

torch = pytest.importorskip("torch")

LIMITS = Limits(seconds=60)
A_FRAME = 2 * FRAME * NARROW  # multiply-accumulates of `Matrices`, encoder and decoder


def counted(run: Callable[[], Any]) -> float:
    with torch.inference_mode():
        return multiply_accumulates(run)


def random(*shape: int) -> Any:
    return torch.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float32))


# --- torch's counter, and what it does not know -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "shape", "macs"),
    [
        (lambda: torch.nn.Linear(7, 5), (3, 7), 3 * 7 * 5),
        (lambda: torch.nn.Conv1d(4, 6, 3), (1, 4, 12), 10 * 4 * 6 * 3),
        (lambda: torch.nn.Conv1d(4, 4, 3, groups=4), (1, 4, 12), 10 * 4 * 3),
        (lambda: torch.nn.ConvTranspose1d(4, 6, 8, 4), (1, 4, 12), 12 * 4 * 6 * 8),
        (lambda: torch.nn.LSTM(4, 8, num_layers=2, batch_first=True), (1, 9, 4), 9 * 4 * 8 * (4 + 8 + 8 + 8)),
        (lambda: torch.nn.LSTM(4, 8, bidirectional=True, batch_first=True), (1, 9, 4), 2 * 9 * 4 * 8 * (4 + 8)),
        (lambda: torch.nn.GRU(4, 8, batch_first=True), (1, 9, 4), 9 * 3 * 8 * (4 + 8)),
        (lambda: torch.nn.Linear(7, 5, bias=False), (7,), 7 * 5),
    ],
)
@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_layers_against_a_hand_count(module: Any, shape: tuple[int, ...], macs: int, mode: Any) -> None:
    layer, x = module().eval(), random(*shape)
    with mode():
        assert multiply_accumulates(lambda: layer(x)) == macs


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_attention_against_a_hand_count(mode: Any) -> None:
    """A query of 5 frames, 9 keys, 2 heads of 8: scores and sums; a layer of a transformer has more than that."""
    query, key = random(1, 2, 5, 8), random(1, 2, 9, 8)
    layer = torch.nn.TransformerEncoderLayer(16, 2, 24, batch_first=True).eval()
    with mode():
        assert multiply_accumulates(lambda: torch.nn.functional.scaled_dot_product_attention(query, key, key)) == 2 * (
            2 * 5 * 9 * 8
        )
        projections, scores, forward = 5 * 16 * 4 * 16, 2 * 2 * 5 * 5 * 8, 2 * 5 * 16 * 24
        assert multiply_accumulates(lambda: layer(random(1, 5, 16))) == projections + scores + forward


def test_products_of_vectors_and_distances() -> None:
    matrix, vector = random(40, 6), random(6)
    assert counted(lambda: matrix @ vector) == 40 * 6
    assert counted(lambda: torch.addmv(random(40), matrix, vector)) == 40 * 6
    assert counted(lambda: vector @ vector) == 6
    assert counted(lambda: torch.cdist(random(30, 6), matrix)) == 30 * 40 * 6, "to a codebook of 40"


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_packed_layers_count_as_plain_ones(precision: Any) -> None:
    from baselines.focalcodec.product import kernel

    packed = kernel(random(300, 400), random(300), precision)
    assert counted(lambda: packed(random(2, 5, 400))) == 10 * 300 * 400


def test_the_fast_path_of_transformers_is_put_back() -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ZeroDivisionError):
        counted(lambda: 1 / 0)
    assert torch.backends.mha.get_fastpath_enabled() == before is True


def test_what_cannot_be_counted_is_named() -> None:
    whole = torch.ones(32, 32, dtype=torch.int8)

    def both() -> None:
        torch._int_mm(whole, whole)
        random(3, 4) @ random(4, 5)

    with pytest.raises(NotMeasured, match="not_applicable") as error:
        counted(both)
    assert error.value.reason == "torch's counter does not know aten._int_mm"


def test_what_torch_does_not_do() -> None:
    with pytest.raises(NotMeasured, match="outside of torch") as error:
        counted(lambda: np.ones((3, 3)) @ np.ones((3, 3)))
    assert error.value.status == "not_applicable"


@pytest.mark.parametrize(
    ("name", "multiplies"),
    [
        *((name, True) for name in ("_int_mm", "addmm_", "qlinear_pointwise", "quantized_lstm", "conv_transpose1d")),
        *((name, True) for name in ("_weight_int8pack_mm", "_transformer_encoder_layer_fwd", "conv1d_dynamic")),
        *((name, False) for name in ("upsample_linear1d", "linear_prepack", "_reorder_linear_weight", "add")),
        *((name, False) for name in ("_thnn_fused_lstm_cell", "_cudnn_rnn_flatten_weight", "linear_unpack")),
    ],
)
def test_names_of_operations(name: str, multiplies: bool) -> None:
    assert operations._multiplies(name) is multiplies


# --- sessions ----------------------------------------------------------------------------------------------------


def test_a_stream_is_counted_once_its_memory_is_full() -> None:
    signal, pieces = np.zeros(60 * FRAME, np.float32), 10
    made = Remembering(memory=30)
    full = pieces * (A_FRAME + 30 * FRAME)
    assert sessions.operations(made, signal, FRAME, 30, pieces) == full
    assert sessions.operations(made, signal, FRAME, 40, pieces) == full
    assert sessions.operations(made, signal, FRAME, 0, pieces) == pieces * A_FRAME + sum(range(10)) * FRAME


def test_an_utterance_is_counted_to_its_end() -> None:
    signal = np.zeros(25 * FRAME + 1, np.float32)
    assert sessions.operations(Whole(), signal, len(signal), 0, None) == FRAME * 26**2
    assert sessions.operations(Matrices(), signal, FRAME, 20, None) == 6 * A_FRAME, "the last one is filled up"


# --- the values of a codec ---------------------------------------------------------------------------------------


def planned(text: str, **changes: Any) -> Subject:
    spec = registry.parse(f"tests.{text}")
    info: CodecInfo = registry.make("codec", spec).info
    return Subject(**{"label": "it", "spec": spec, "info": info, "identity": "1"} | changes)


def reasons(found: dict[str, float | Failed]) -> dict[str, Failed]:
    return {name: value for name, value in found.items() if isinstance(value, Failed)}


def here(codec: Any) -> probing.Subject:
    """A codec in this process."""
    host = object.__new__(sessions.ProbeHost)
    host.codec, host.run = codec, lambda function, *arguments: function(*arguments)
    probed: Any = lambda method, *arguments: getattr(host, method)(*arguments)  # noqa: E731 (as Probed is called)
    clips = probing.voices(RATE, 1.0)
    return probing.Subject(Spec("it"), codec.info, LIMITS, 1, probed, clips, clips[0][:RATE], lambda text: None)


def test_a_codec_of_known_size() -> None:
    found = cost.examined(planned("multiplying:Matrices"), LIMITS)
    assert list(found) == list(cost.FIELDS)
    assert found["macs_per_s"] == 50 * A_FRAME
    assert found["parameters"] == FRAME * NARROW
    assert reasons(found) == {}
    assert found["encode_packet_ms"] <= found["encode_packet_ms_p95"]  # type: ignore[operator]
    assert 1 < float(found["peak_memory_mib"]) < 2000  # type: ignore[arg-type]


def test_a_codec_whose_calls_are_forks() -> None:
    probed = probing.Probed(Spec("tests.multiplying:Forked"), LIMITS)
    try:
        assert probed("operations", np.zeros(30 * FRAME, np.float32), FRAME, 10, 20) == 20 * A_FRAME
    finally:
        probed.close()


def test_a_memory_of_ten_seconds_is_full_when_it_is_counted() -> None:
    assert parts.operations(here(Remembering(memory=500))) == (50 * (A_FRAME + 500 * FRAME), 1)


def test_without_packets_a_whole_utterance_is_counted() -> None:
    assert parts.operations(here(Whole())) == (FRAME * 500**2 / 10, 10)


def test_an_offline_codec_has_no_packets() -> None:
    failed = reasons(cost.examined(planned("planted:Whole"), LIMITS))
    assert failed.keys() == set(cost.FIELDS) - {"peak_memory_mib"}
    assert {value.status for value in failed.values()} == {"not_applicable"}
    assert "sees the whole utterance" in failed["encode_packet_ms"].reason
    assert failed["parameters"].reason == "the codec does not say (it has no cost())"
    assert failed["macs_per_s"].reason == operations.OUTSIDE


def test_a_slow_codec_takes_its_time() -> None:
    found = cost.examined(planned("planted:Slow:encode=0.006,decode=0.003"), LIMITS)
    assert found["encode_packet_ms"] == pytest.approx(6, abs=2)
    assert found["decode_packet_ms"] == pytest.approx(3, abs=2)
    assert found["macs_per_s"] == Failed("not_applicable", operations.OUTSIDE), "and torch is not even imported"


def test_a_codec_that_says_something_else_of_itself() -> None:
    made = planned("planted:Large")
    assert cost.examined(made, LIMITS)["parameters"] == 3
    other = planned("planted:Large:says=text")
    assert reasons(cost.examined(other, LIMITS))["parameters"].status == "codec_failed"
    wanted = Failed("not_applicable", "the codec does not say (its cost() has no parameters)")
    assert cost._value({"state_bytes": 3.0}, "parameters") == wanted


def test_a_codec_that_fails_says_so_in_every_value() -> None:
    found = cost.examined(planned("misbehaving:Trouble:what=raise,where=encode"), LIMITS)
    timed = reasons(found)
    assert timed.keys() == set(found)
    assert {timed[name].status for name in found if name != "parameters"} == {"codec_failed"}
    assert "planned failure" in timed["macs_per_s"].reason
    gone = cost.examined(planned("planted:Slow", status="skipped", reason="no weights"), LIMITS)
    assert gone == dict.fromkeys(cost.VALUES, Failed("skipped", "no weights"))


def test_the_probe_prints_what_is_counted_beside_what_is_said() -> None:
    found = {"cost": {"parameters": 10_240.0, "macs_per_second": 1.5e9}, "operations": parts.Operations(1.25e9, 1.04)}
    shown = text(Examination("it", facts(Matrices().info), found)).splitlines()
    assert shown[-2:] == [
        "cost, as said    0.01024 M parameters, 1.5 G multiply-accumulates per second of audio",
        "cost, counted    1.25 G multiply-accumulates per second of audio, by torch in 1.04 s of it",
    ]
    assert parts.PARTS["operations"] is parts.operations
    failed = text(Examination("it", facts(Matrices().info), {"operations": Failed("not_applicable", "why")}))
    assert "cost, counted    not measured (not_applicable): why" in failed


def test_values_say_what_they_are() -> None:
    assert all(info.unit and info.source for info in cost.VALUES.values())
    assert set(cost.FIELDS) < set(cost.VALUES)
    assert {part for part, _ in cost.FIELDS.values()} == set(cost.MEASURES)


# --- FocalCodec: what it says against what is counted ------------------------------------------------------------


def unpacked(settings: Any) -> Any:
    """The codec with plain weights, as for training."""
    from baselines.focalcodec import checkpoint, model

    codec = model.skeleton(settings)
    weights = dict(checkpoint.random(codec.shapes(), 0))
    for prefix, module in codec.named_modules():
        for name in [name for name, value in module._parameters.items() if value is not None]:
            tensor = weights[f"{prefix}.{name}" if prefix else name]
            module._parameters[name] = torch.nn.Parameter(tensor, requires_grad=False)
    return codec.eval()


def a_second(codec: Any) -> float:
    """Multiply-accumulates of 5 packets of a call, per second, once its memory of 32 frames is full."""
    from baselines.focalcodec.sessions import StreamingDecoder, StreamingEncoder

    encoder, decoder = StreamingEncoder(codec), StreamingDecoder(codec)

    def push(signal: Signal) -> None:
        decoder.push(codec.toks_to_codes(torch.from_numpy(encoder.push(signal)[:, 0])).numpy())

    push(speech_like(40 * 0.08))
    packets = speech_like(5 * 0.08, seed=1).reshape(5, -1)
    return multiply_accumulates(lambda: [push(packet) for packet in packets]) / (5 * 0.08)


@pytest.fixture(scope="module")
def small() -> Any:
    """A narrow FocalCodec-Stream, and what it says of its multiply-accumulates."""
    from baselines.focalcodec import config
    from baselines.focalcodec.sessions import macs_per_second

    settings = config.small(config.STREAMING["65k"])
    return settings, macs_per_second(settings)


def test_what_focalcodec_says_is_what_is_counted(small: Any) -> None:
    from baselines.focalcodec.sessions import parameters

    codec = unpacked(small[0])
    assert a_second(codec) == pytest.approx(small[1], rel=1e-9)
    assert sum(tensor.numel() for tensor in codec.state_dict().values()) == parameters(small[0])


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_packed_it_does_only_what_its_filters_take_for_four_frames_more(small: Any, precision: Any) -> None:
    """A filter of n taps is laid out as n + 3 rows of 4: three products a frame and channel more."""
    from baselines.focalcodec import model
    from baselines.focalcodec.product import Depthwise

    codec = model.load(small[0], None, precision, 0)
    filters = [module for module in codec.modules() if isinstance(module, Depthwise)]
    more = a_second(codec) - small[1]
    assert more == pytest.approx(sum(3 * 50 * len(module.weight) for module in filters))
    assert 0 < more < 0.02 * small[1]


def test_slots_of_a_planted_codec_decode() -> None:
    """So that what is counted is a codec at all."""
    made = Matrices()
    payloads = made.encoder().push(speech_like(0.2))
    assert {len(payload) for payload in payloads} == {4 * NARROW}
    assert len(made.decoder().push([Slot(i, p) for i, p in enumerate(payloads)])) == 0.2 * RATE
    assert Forked().fork_per_call is True
