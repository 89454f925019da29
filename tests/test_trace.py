"""Replayed traces against their files, in every format, and what a broken file is told."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.channels.trace import Trace
from benchmark.seeds import generator
from benchmark.types import LOST, UserError

MS = 1_000_000  # ns
PATTERN = "1000110000010000"


def every(ms, packets):
    return np.arange(1, packets + 1) * ms * MS


def lost(channel, sent, seed=0):
    return channel.fate(sent, generator(seed, "channel")).delays == LOST


def text_trace(folder: Path, entries: str) -> str:
    path = folder / "call_is_lost.txt"
    path.write_text("\n".join(entries) + "\n", encoding="utf-8")
    return str(path)


def csv_trace(folder: Path, delays, step=20.0) -> str:
    path = folder / "call.csv"
    rows = [f"{i},{100 + step * i},{delay}" for i, delay in enumerate(delays)]
    path.write_text("\n".join(["seq,send_ms,delay_ms", *rows, ""]), encoding="utf-8")
    return str(path)


def test_entry_0_of_a_text_trace_decides_the_packet_of_the_first_slot(tmp_path):
    channel = Trace(text_trace(tmp_path, "1000110000"))
    assert lost(channel, every(20, 10)).tolist() == [c == "1" for c in "1000110000"]
    assert lost(channel, every(10, 6)).tolist() == [True, True, False, False, False, False]
    assert lost(channel, np.array([1, 20 * MS, 20 * MS + 1])).tolist() == [True, True, False]


def test_a_longer_packet_is_decided_at_its_send_instant(tmp_path):
    channel = Trace(text_trace(tmp_path, "1000110000"))
    assert lost(channel, every(40, 5)).tolist() == [False, False, True, False, False]


def test_another_slot_length_stretches_a_text_trace(tmp_path):
    assert lost(Trace(text_trace(tmp_path, "01"), slot_ms=30), every(10, 6)).tolist() == 3 * [False] + 3 * [True]


@pytest.mark.parametrize(("packets", "wraps"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
def test_a_trace_begins_anew_and_says_how_often(tmp_path, packets, wraps):
    fate = Trace(text_trace(tmp_path, "0100")).fate(every(20, packets), generator(0))
    assert (fate.delays == LOST).tolist() == [c == "1" for c in ("0100" * 3)[:packets]]
    assert fate.wraps == wraps


def test_a_delay_trace_keeps_its_delays_to_the_nanosecond(tmp_path):
    channel = Trace(csv_trace(tmp_path, ["0", "12.345678", "", " "]))
    assert channel.fate(every(20, 4), generator(0)).delays.tolist() == [0, 12_345_678, LOST, LOST]
    slower = Trace(csv_trace(tmp_path, ["0", "1"], step=60))
    assert slower.fate(every(20, 6), generator(0)).delays.tolist() == 3 * [0] + 3 * [MS]


def test_a_random_start_belongs_to_the_utterance_and_reaches_every_entry(tmp_path):
    entries = "1000000"
    channel = Trace(text_trace(tmp_path, entries), start="random")
    patterns = [tuple(lost(channel, every(20, 7), seed)) for seed in range(100)]
    assert patterns == [tuple(lost(channel, every(20, 7), seed)) for seed in range(100)]
    assert len(set(patterns)) == len(entries)
    assert all(sum(pattern) == 1 for pattern in patterns)


def test_a_trace_from_windows_is_read_as_any_other(tmp_path):
    path = tmp_path / "call.CSV"
    path.write_bytes(b"\xef\xbb\xbfsend_ms,delay_ms\r\n0,1\r\n20,\r\n")
    assert Trace(str(path)).delays.tolist() == [MS, LOST]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "0\n1\nlost\n", "entry 3: 'lost' is neither 0"),
        ("a.txt", "\n\n", "holds no packets"),
        ("a.txt", b"\xff\xfe", "neither text of 0 and 1 nor a G.192 pattern; for compact bits write format=bit"),
        ("a.csv", "", "needs the columns send_ms and delay_ms"),
        ("a.csv", "send_ms,delay\n0,1\n20,1\n", "needs the columns send_ms and delay_ms"),
        ("a.csv", "send_ms,delay_ms\n0,1\n", "at least two packets"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,-3\n", "row 2: delay_ms=-3 is negative"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,nan\n", "row 2: 'nan' is not a number"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,1e300\n", "row 2: '1e300' is not a number of milliseconds up to"),
        ("a.csv", "send_ms,delay_ms\n0,1\nsoon,1\n", "row 2: 'soon' is not a number"),
        ("a.csv", "send_ms,delay_ms\n0,1\n20,1\n50,1\n", "equal steps"),
        ("a.csv", "send_ms,delay_ms\n20,1\n0,1\n", "equal steps"),
        ("a.csv", 'send_ms,delay_ms\n0,"' + "1" * 200_000, "no table in CSV"),
    ],
)
def test_a_bad_trace_is_one_clear_error(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message) as caught:
        Trace(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "middle"}, "start='middle' is not known; write first or random"),
        ({"slot_ms": -1}, "slot_ms=-1 must be a number of at least"),
        ({"slot_ms": float("inf")}, "slot_ms=inf"),
        ({"slot_ms": 1e-9}, "slot_ms=1e-09"),
    ],
)
def test_bad_options_of_a_trace_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        Trace(text_trace(tmp_path, "01"), **options)


def test_a_missing_trace_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            Trace(str(path))


def test_the_shipped_traces_are_readable():
    from benchmark.manifest import shipped

    files = [p for p in (shipped() / "traces").iterdir() if p.suffix in (".txt", ".csv")]
    assert files
    for path in files:
        share = lost(Trace(str(path)), every(20, 1000)).mean()
        assert 0 <= share < 0.5


AS_WORDS = b"".join(b"\x20\x6b" if c == "1" else b"\x21\x6b" for c in PATTERN)
AS_BYTES = AS_WORDS[::2]
AS_BITS = bytes([0b00110001, 0b00001000])  # the lowest bit is the first packet
FORMS = {
    "plc": "\n".join(PATTERN).encode(),
    "opus": "  ".join(PATTERN).encode(),
    "g192": AS_WORDS,
    "byte": AS_BYTES,
    "bit": AS_BITS,
    "csv": b"delay_ms,send_ms\n"
    + b"".join(b"%s,%d\n" % (b"0" if c == "0" else b"", 20 * i) for i, c in enumerate(PATTERN)),
}


@pytest.mark.parametrize(("form", "blob"), FORMS.items())
@pytest.mark.parametrize("auto", [False, True])
def test_every_format_says_the_same(tmp_path, form, blob, auto):
    path = tmp_path / "recorded.dat"
    path.write_bytes(blob)
    channel = Trace(str(path), format="auto" if auto and form != "bit" else form)
    assert "".join("01"[int(x)] for x in lost(channel, every(20, 16))) == PATTERN
    assert channel.fate(every(20, 40), generator(0)).wraps == 2


@pytest.mark.parametrize("form", ["plc", "opus", "g192", "byte", "bit"])
def test_a_slot_of_another_length_stretches_every_format_but_csv(tmp_path, form):
    path = tmp_path / "recorded.dat"
    path.write_bytes(FORMS[form])
    assert lost(Trace(str(path), slot_ms=30, format=form), every(10, 6)).tolist() == 3 * [True] + 3 * [False]


@pytest.mark.parametrize("name", ["errors.dat", "errors.byte"])
@pytest.mark.parametrize("blob", [b"\x7f\x00\x81\x00", b"\x7f\x81\x7f", b"\x81"])
def test_a_pattern_of_bit_errors_is_sent_where_it_belongs(tmp_path, name, blob):
    path = tmp_path / name
    path.write_bytes(blob)
    with pytest.raises(UserError, match=rf"bit errors, not of losses; write bit_errors:path=.*{name}"):
        Trace(str(path))


def test_the_format_is_one_of_those_there_are(tmp_path):
    with pytest.raises(UserError, match="trace: format=wav must be one of auto, plc, opus, g192, byte, bit, csv"):
        Trace(text_trace(tmp_path, "01"), format="wav")
