"""Models run on one thread, on the device that was asked for or not at all; a bad signal is refused alone."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from benchmark import onnx
from benchmark.onnx import Rater
from benchmark.types import Known, NotMeasured, Signal, Unavailable, UserError

RATE = 16_000
MODEL = "dnsmos_models/model_v8.onnx"


class Peak(Rater):
    """Needs no model."""

    name = "peak"
    files = ()

    def predict(self, signal: Signal) -> dict[str, float]:
        return {"peak": float(np.abs(signal).max())}


class Wild(Peak):
    def predict(self, signal: Signal) -> dict[str, float]:
        return {"peak": 1.0, "trough": float("nan")}


def tone(seconds: float, level: float = 0.5) -> Signal:
    return (level * np.sin(np.arange(round(seconds * RATE)) / 5)).astype(np.float32)


def test_refuses_bad_signals_one_by_one() -> None:
    holed = tone(2)
    holed[7] = np.nan
    bad = [
        (holed, "metric_failed", "peak: the signal holds NaN or infinity."),
        (tone(1)[None], "metric_failed", r"peak: the signal has shape \(1, 16000\); it has to be mono"),
        (tone(0), "too_short", "the signal is empty"),
        (0 * tone(2), "no_speech", "the signal is silent"),
        (tone(0.1), "too_short", "0.100 s; peak needs 1.0 s"),
        (tone(1)[1:], "too_short", "1.000 s; peak needs 1.0 s"),
    ]
    signals = [tone(1, 0.25), *(signal for signal, _, _ in bad), tone(3)]
    first, *refused, last = Peak().describe(signals, RATE, [{}] * len(signals))
    assert (first, last) == ({"peak": pytest.approx(0.25, abs=1e-3)}, {"peak": pytest.approx(0.5, abs=1e-3)})
    for one, (_, status, message) in zip(refused, bad, strict=True):
        assert isinstance(one, NotMeasured)
        assert one.status == status
        with pytest.raises(NotMeasured, match=message):
            raise one


@pytest.mark.parametrize("metric", ["dnsmos", "plcmos"])
def test_describing_nothing_loads_the_models_or_says_what_they_lack(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module(f"benchmark.metrics.{metric}")
    listener = module.make()
    assert listener.describe([], RATE, []) == []
    loaded = listener.sessions
    assert len(loaded) == len(listener.files)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert listener.describe([], RATE, []) == []
    assert listener.sessions is loaded, "once"
    with pytest.raises(Unavailable, match=r"needs onnxruntime: pip install 'focalbench\[mos\]'"):
        module.make().describe([], RATE, [])
    monkeypatch.setattr(onnx, "PACKAGE", "no_such_package")
    with pytest.raises(Unavailable, match=r"no weights no_such_package/.*: pip install 'focalbench\[mos\]'"):
        module.make().describe([], RATE, [])


def test_clips_beyond_full_scale_and_leaves_the_signal_as_it_was() -> None:
    loud = tone(1, 1.5)
    kept = loud.copy()
    assert Peak().describe([loud], RATE, [{}]) == [{"peak": 1.0}]
    np.testing.assert_array_equal(loud, kept)


def test_no_number_is_no_value() -> None:
    (said,) = Wild().describe([tone(1)], RATE, [{}])
    assert (said.status, said.reason) == ("metric_failed", "peak: the model returned no finite number")


def test_another_rate_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="peak: 24000 Hz; the model is trained at 16000 Hz"):
        Peak().describe([tone(2)], 24_000, [{}])


def test_values_are_what_was_said() -> None:
    assert Peak().compare({"peak": 0.5}, Known()) == {"peak": 0.5}


def test_unknown_devices_are_refused_and_nothing_is_loaded() -> None:
    with pytest.raises(UserError, match=r"peak: device='gpu'; it can be cpu or cuda\."):
        Peak("gpu")
    assert "sessions" not in vars(Peak())


def test_cuda_is_never_replaced_by_the_cpu() -> None:
    import onnxruntime

    if onnx.CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime is built for CUDA")
    with pytest.raises(Unavailable, match="pip install onnxruntime-gpu, or leave out the device"):
        onnx.session(onnx.weights(MODEL), "cuda")


def test_cuda_that_does_not_start_is_never_replaced_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without a GPU says that it has CUDA, then loads the model on the CPU."""
    import onnxruntime

    if onnx.CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime is built for CUDA")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [onnx.CUDA, "CPUExecutionProvider"])
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(Unavailable, match="onnxruntime-gpu finds no GPU, or not the CUDA libraries"),
    ):
        onnx.session(onnx.weights(MODEL), "cuda")


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_one_thread() -> None:
    threads = Path("/proc/self/task")
    before = len(list(threads.iterdir()))
    session = onnx.session(onnx.weights(MODEL))
    session.run(None, {"input_1": np.zeros((1, 900, 120), np.float32)})
    assert len(list(threads.iterdir())) == before
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"no weights .*x.onnx: pip install 'focalbench\[mos\]' brings them"):
        onnx.session(tmp_path / "x.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unavailable, match=r"model_v8.onnx needs onnxruntime: pip install 'focalbench\[mos\]'"):
        onnx.session(onnx.weights(MODEL))
    monkeypatch.setattr(onnx, "PACKAGE", "no_such_package")
    assert onnx.versions(MODEL)[MODEL] == "absent"
    with pytest.raises(Unavailable, match="no weights no_such_package/dnsmos_models"):
        onnx.session(onnx.weights(MODEL))


def test_versions_name_the_runtime_and_the_model() -> None:
    assert onnx.versions(MODEL) == {
        "onnxruntime": onnx.installed("onnxruntime")["onnxruntime"],
        MODEL: "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91",
    }
