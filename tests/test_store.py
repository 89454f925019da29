"""The store: keys that never change by themselves, entries that are whole, failures that are tried again."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmark.codec import frame_of
from benchmark.hosts import Encoded
from benchmark.store import SETTLED, Store, digest, write_atomically
from benchmark.types import CodecInfo, Measured

INFO = CodecInfo(rate_in=16_000, rate_out=16_000, frame=320)


def test_a_key_is_the_same_for_ever():
    known = "964330b11189dd9d3f129cebc4663732d192338af118594d31c1a7fd593c18ff"
    assert digest("encode", {"b": [1, 2.5, None], "a": "ä"}, True) == known


def test_the_order_of_keys_does_not_matter_but_every_value_does():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    others = [digest(*parts) for parts in ([], [1], [1.0], ["1"], [True], [None], [[1]], [1, 1], [{"1": 1}])]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("part", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_has_no_canonical_text_has_no_key(part):
    with pytest.raises((ValueError, TypeError)):
        digest(part)


@pytest.mark.parametrize("payloads", [[], [b""], [b"", b"\n", b"a\nb", b"", bytes(range(256))], [b"x"] * 300])
@pytest.mark.parametrize("with_fec", [None, 0, 3])
def test_frames_come_back_byte_for_byte(tmp_path, payloads, with_fec):
    store = Store(tmp_path)
    encoded = Encoded([frame_of(INFO, i, p) for i, p in enumerate(payloads)], with_fec)
    assert store.frames("ab12", INFO) is None
    store.save_frames("ab12", encoded)
    assert Store(tmp_path).frames("ab12", INFO) == encoded


def test_scores_come_back_with_their_parts(tmp_path):
    store = Store(tmp_path)
    scores = {
        "one": [Measured("pesq_wb", 0.1 + 0.2), Measured("loss_rate", 1 / 3, numerator=1.0, denominator=3.0)],
        "two": [Measured("pesq_wb", None, "too_short", "80 ms, 'ö'")],
    }
    assert store.scores("ab12") == {}
    store.save_scores("ab12", scores)
    assert Store(tmp_path).scores("ab12") == scores
    assert store.scores("ab13") == {}


@pytest.mark.parametrize("status", ["metric_failed", "codec_failed", "skipped"])
def test_a_failure_is_not_kept_and_so_tried_again(tmp_path, status):
    fine, failed = Measured("stoi", 0.9), Measured("pesq_wb", None, status, "it died")
    Store(tmp_path).save_scores("ab12", {"fine": [fine], "failed": [failed], "both": [fine, failed]})
    assert Store(tmp_path).scores("ab12") == {"fine": [fine]}
    assert status not in SETTLED


def test_a_delay_comes_back(tmp_path):
    store = Store(tmp_path)
    assert store.delay("ab") is None
    store.save_delay("ab", {"samples": -3, "method": "waveform"})
    assert store.delay("ab") == {"samples": -3, "method": "waveform"}


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "entry"
    write_atomically(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_writers_at_once_leave_a_whole_entry(tmp_path):
    store = Store(tmp_path)

    def write_and_read(number: int) -> set[float]:
        store.save_scores("ab12", {str(i): [Measured("stoi", float(number))] for i in range(300)})
        return {m.value for values in store.scores("ab12").values() for m in values}

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write_and_read, range(60)))
    assert all(len(values) == 1 for values in seen)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [p.name for p in files] == ["ab12.json"]
    assert len(store.scores("ab12")) == 300


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[:-1] + b"?"]
)
def test_a_damaged_entry_counts_as_missing(tmp_path, damage):
    store = Store(tmp_path)
    store.save_scores("ab12", {"fine": [Measured("stoi", 0.5)]})
    (path,) = (p for p in tmp_path.rglob("*") if p.is_file())
    path.write_bytes(damage(path.read_bytes()))
    assert store.scores("ab12") == {}
