"""Patterns of losses and bit errors: written and read again, told apart, refused, and exported from any channel."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.channels.bernoulli import Bernoulli
from benchmark.channels.bit_errors import BitErrors
from benchmark.channels.clean import Clean
from benchmark.channels.gilbert import Gilbert
from benchmark.channels.trace import Trace
from benchmark.patterns import delays, eid, export, softbits, text
from benchmark.patterns.files import (
    BIT_FORMATS,
    FORMATS,
    detect,
    encode_bit_errors,
    encode_losses,
    read_bit_errors,
    read_losses,
)
from benchmark.seeds import generator
from benchmark.types import LOST, Fate, UserError

MS = 1_000_000  # ns
PATH = Path("some.dat")


def flags(least=1):
    return st.lists(st.booleans(), min_size=least, max_size=200).map(np.array)


def crc(blob: bytes) -> str:
    """CRC-CCITT from 0xFFFF, as the `measure -crc` of the STL prints it."""
    value = 0xFFFF
    for byte in blob:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return f"{value:04X}"


@given(flags(), st.booleans())
def test_text_comes_back(lost, one_a_line):
    assert (text.decode(text.encode(lost, one_a_line=one_a_line), "x", one_a_line=one_a_line) == lost).all()


@given(flags(), st.sampled_from(["frames", "bits"]), st.sampled_from(["g192", "byte"]))
def test_words_and_bytes_come_back_and_say_what_they_are_of(errors, of, style):
    found = softbits.decode(softbits.encode(softbits.Pattern(errors, of), style), "x", style)
    assert (found.errors == errors).all()
    assert found.of == of


@given(st.binary(min_size=1, max_size=50))
def test_compact_bits_come_back(blob):
    found = softbits.decode(blob, "x", "bit")
    assert len(found.errors) == 8 * len(blob)
    assert found.of == ""
    assert softbits.encode(found, "bit") == blob


@given(
    st.integers(1, 10**9),
    st.lists(st.one_of(st.integers(0, 10**15), st.just(int(LOST))), min_size=2, max_size=50),
)
def test_delays_come_back_to_the_nanosecond(slot, times):
    back_slot, back = delays.decode(delays.encode(slot, np.array(times)), "x")
    assert back_slot == slot
    assert back.tolist() == times


@given(flags(least=2), st.sampled_from(FORMATS), st.booleans())
def test_losses_come_back_from_files_and_are_recognised(tmp_path_factory, lost, form, auto):
    errors = lost if form != "bit" else np.resize(lost, -(-len(lost) // 8) * 8)
    path = tmp_path_factory.mktemp("losses") / "x.dat"
    path.write_bytes(encode_losses(20 * MS, np.where(errors, LOST, 0), form))
    sure = form != "bit" and not (form == "byte" and errors.all())
    slot, back = read_losses(path, 20 * MS, "auto" if auto and sure else form)
    assert slot == 20 * MS
    assert ((back == LOST) == errors).all()


@given(flags(), st.sampled_from(BIT_FORMATS), st.booleans())
def test_bit_errors_come_back_from_files_and_are_recognised(tmp_path_factory, wrong, form, auto):
    errors = wrong if form != "bit" else np.resize(wrong, -(-len(wrong) // 8) * 8)
    path = tmp_path_factory.mktemp("errors") / "x.dat"
    path.write_bytes(encode_bit_errors(errors, form))
    assert (read_bit_errors(path, "auto" if auto and form != "bit" else form) == errors).all()


SOUP = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([0x20, 0x21, 0x6B, 0x7F, 0x81, 0x00, 0x30, 0x31, 0x0A]), max_size=20).map(bytes),
    st.text('01 \n,send_mdlay"\0\x1c', max_size=60).map(lambda t: ("send_ms,delay_ms\n" + t).encode()),
)


@given(SOUP, st.sampled_from(["auto", *FORMATS]), st.sampled_from(["x.dat", "x.csv", "x.bit"]))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, blob, form, name):
    path = tmp_path_factory.mktemp("soup") / name
    path.write_bytes(blob)
    for read in (lambda: read_losses(path, MS, form)[1], lambda: read_bit_errors(path, form)):
        try:
            found, said = len(read()), name
        except UserError as error:
            found, said = 1, str(error)
        assert found > 0
        assert len(said.splitlines()) == 1
        assert name in said


def test_the_layout_of_every_format_is_that_of_the_standard():
    three = np.array([False, True, False])
    assert softbits.encode(softbits.Pattern(three, "frames"), "g192") == bytes.fromhex("216b206b216b")
    assert softbits.encode(softbits.Pattern(three, "bits"), "g192") == bytes.fromhex("7f0081007f00")
    assert softbits.encode(softbits.Pattern(three, "frames"), "byte") == bytes.fromhex("212021")
    assert softbits.encode(softbits.Pattern(three, "bits"), "byte") == bytes.fromhex("7f817f")
    assert (
        softbits.encode(softbits.Pattern(np.array([True] + 8 * [False] + [True] + 6 * [False]), ""), "bit") == b"\1\2"
    )
    assert text.encode(three, one_a_line=True) == b"0\n1\n0\n"
    assert text.encode(three, one_a_line=False) == b"0 1 0\n"
    assert delays.encode(20 * MS, np.array([0, 1_500_000, LOST])) == b"send_ms,delay_ms\n20,0\n40,1.5\n60,\n"


@pytest.mark.parametrize(
    ("blob", "form", "message"),
    [
        (b"", "auto", "holds no packets; give a file"),
        (b"", "g192", "is empty"),
        (b"", "byte", "is empty"),
        (b"", "bit", "is empty"),
        (b"\n", "opus", "holds no packets"),
        (b"0\n1 0\n", "plc", "entry 2: '1 0' is neither 0"),
        (b"0 1\n0 2", "opus", "entry 4: '2' is neither 0"),
        (b"0 1\n0 2", "auto", "entry 4: '2' is neither 0"),
        (b"lost", "auto", "entry 1: 'lost' is neither 0"),
        (b"0110", "auto", "entry 1: '0110' is neither 0"),
        (b"0\xff", "opus", "cannot be read as text"),
        (b"   ", "auto", "text without packets, or all erased; write format=byte"),
        (b"\x21\x6b\x20", "auto", "has 3 bytes, an odd number.*for one byte per entry write format=byte"),
        (b"\x6b\x21\x6b\x20", "auto", "is byte-swapped.*dd conv=swab"),
        (b"\x6b\x20", "g192", "is byte-swapped"),
        (b"\x00\x7f", "auto", "is byte-swapped"),
        (b"\x00\x81", "auto", "is byte-swapped"),
        (b"\x21\x6b\x50\x00", "auto", "byte 2: 0x0050 does not belong"),
        (b"\x21\x6b\x20\x6b\x7f\x00", "auto", "byte 4: 0x007F mixes frames with bits"),
        (b"\x7f\x00\x20\x6b", "g192", "byte 2: 0x6B20 mixes frames with bits"),
        (b"\x21\x21\x20\x81", "auto", "byte 3: 0x81 mixes frames with bits"),
        (b"\x21\x20\x22", "byte", "byte 2: 0x22 does not belong in a pattern of 0x21 and 0x20 .of frames. or 0x7F"),
        (b"\x22\x20", "byte", "byte 0: 0x22 does not belong"),
        (b"\x05\x00\x10", "auto", "neither text of 0 and 1 nor a G.192 pattern; for compact bits write format=bit"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place(tmp_path, blob, form, message):
    path = tmp_path / "x.dat"
    path.write_bytes(blob)
    with pytest.raises(UserError, match=message) as caught:
        read_losses(path, MS, form)
    assert str(path) in str(caught.value)


def test_compact_bits_are_never_guessed():
    with pytest.raises(UserError, match="says compact bits, which nothing confirms; write format=bit"):
        detect(b"\x21\x20", Path("x.bit"))


@pytest.mark.parametrize("form", ["opus", "plc", "csv"])
def test_only_the_formats_of_the_itu_hold_bit_errors(form):
    with pytest.raises(UserError, match="has no place for bit errors; write one of g192, byte, bit"):
        encode_bit_errors(np.array([True]), form)


@pytest.mark.parametrize(
    ("slot", "times", "form", "message"),
    [
        (MS, [0, 1], "plc", "format=plc holds losses only, and packets are delayed here; write format=csv"),
        (MS, [], "g192", "no packets to write"),
        (MS, [0], "csv", "one packet does not say"),
        (MS, [0, 2 * 10**15], "csv", "2e.09 ms is beyond 1e.09 ms"),
        (10**15, [0, 0], "csv", "2e.09 ms is beyond"),
        (MS, [0] * 12, "bit", "12 is not a multiple of 8; ask for 16"),
        (MS, [0] * 3, "bit", "3 is not a multiple of 8; ask for 8"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(slot, times, form, message):
    with pytest.raises(UserError, match=message):
        encode_losses(slot, np.array(times, np.int64), form)


def test_nothing_is_no_pattern_of_bits():
    with pytest.raises(UserError, match="no bits to write"):
        encode_bit_errors(np.zeros(0, bool), "g192")


# The Software Tool Library's own sequences: checksums of its README, for `gen-patt` compiled with PORT_TEST, which
# fixes the seed: `gen-patt -byte patf10-2.ser f 10000 1 sta .01`, with modes r, f and b, of 10000 entries each.

FRAMES = eid.gilbert(eid.sequence(eid.SEED, 20_000).reshape(-1, 2), 0.01, 0)


def bursts(enter):
    return eid.bellcore(eid.sequence(eid.SEED, 10_000), enter)


@pytest.mark.parametrize(
    ("errors", "of", "sums"),
    [
        (FRAMES, "bits", {"byte": "4D79", "g192": "DD73", "bit": "2843"}),
        (FRAMES, "frames", {"byte": "90A7", "g192": "C320", "bit": "2843"}),
        (bursts(0.0023), "frames", {"byte": "5D7D", "g192": "00DC", "bit": "0CFB"}),
        (bursts(eid.entering(0.03)), "frames", {"byte": "0848", "g192": "21DF", "bit": "57E7"}),
        (bursts(eid.entering(0.05)), "frames", {"byte": "A969", "g192": "0B8F", "bit": "AB3B"}),
    ],
    ids=["patr10-2", "patf10-2", "patb1pct", "patb3pct", "patb5pct"],
)
def test_the_published_checksums_are_met(errors, of, sums):
    pattern = softbits.Pattern(errors, of)
    assert {style: crc(softbits.encode(pattern, style)) for style in sums} == sums


def test_the_published_1_percent_bursts_are_from_before_their_probability_was_computed():
    """Since 2007 the STL computes what was 0.0023 in a table, and no longer writes the 77 erasures of its README."""
    assert eid.entering(0.01) == pytest.approx(0.0022858268)
    assert (bursts(0.0023).sum(), bursts(eid.entering(0.01)).sum()) == (77, 58)
    assert crc(softbits.encode(softbits.Pattern(bursts(eid.entering(0.01)), "frames"), "byte")) == "EBB1"


def test_the_published_checksum_of_correlated_bit_errors_is_met():
    """`eid-xor` of 51200 bytes of zeros with `gen-patt -ber -rate 0.05 -gamma 0.10` of 10000 bits, begun anew."""
    errors = eid.gilbert(eid.sequence(eid.SEED, 20_000).reshape(-1, 2), 0.05, 0.10)
    assert crc(np.packbits(np.resize(errors, 8 * 51_200), bitorder="little").tobytes()) == "4D00"


def test_the_sequence_is_that_of_the_recurrence():
    value, found = eid.SEED, []
    for _ in range(1000):
        value = (69069 * value + 1) % 2**32
        found.append(value / 2**32)
    assert eid.sequence(eid.SEED, 1000).tolist() == found
    assert len(eid.sequence(1, 0)) == 0


# Export


def write(channel, path, form, packets=400, packet_ms=20.0, seed=3):
    return export.write_pattern(channel, packets=packets, packet_ms=packet_ms, seed=seed, format=form, path=path)


class Late:
    """Delays every fifth packet, loses every seventh one."""

    title, loss, burst_ratio = "late", None, None

    def fate(self, sent, generator):
        n = np.arange(len(sent))
        return Fate(np.where(n % 7 == 6, LOST, np.where(n % 5 == 4, 12_345_678, 0)), 0, 40 * MS)


class Both(Late):
    """Delays and bit errors."""

    def corrupt(self, payloads, bits, generator):
        return [bytes([255]) * len(p) for p in payloads]


@pytest.mark.parametrize("packet_ms", [20.0, 10.0, 40 / 3])
@pytest.mark.parametrize("form", FORMATS)
def test_an_exported_channel_loses_the_same_packets_again(tmp_path, form, packet_ms):
    channel, path = Gilbert(0.2, burst_ratio=3), tmp_path / "x.dat"
    said = write(channel, path, form, packet_ms=packet_ms)
    sent = round(packet_ms * MS) * np.arange(1, 401)
    drawn = channel.fate(sent, generator(3, "channel", "pattern")).delays == LOST
    again = Trace(str(path), format=form, slot_ms=packet_ms).fate(sent, generator(0))
    assert 0.1 < drawn.mean() < 0.3
    assert ((again.delays == LOST) == drawn).all()
    assert again.wraps == 0
    assert f"400 packets of {packet_ms:g} ms, {100 * drawn.mean():.3g} % lost" in said
    assert f"trace:path={path},format={form}" in said
    assert ("slot_ms" in said) == (packet_ms != 20 and form != "csv")


def test_exported_delays_come_back_and_the_text_says_what_is_not_in_the_file(tmp_path):
    path, sent = tmp_path / "x.csv", 20 * MS * np.arange(1, 401)
    said = write(Late(), path, "csv")
    assert (Trace(str(path)).fate(sent, generator(0)).delays == Late().fate(sent, None).delays).all()
    assert "the 40 ms that every packet takes are not in the file" in said
    assert "12.3 ms at most" in said


def test_the_text_counts_what_was_drawn(tmp_path):
    path = tmp_path / "source.txt"
    path.write_text(" ".join("0110100000"))
    said = write(Trace(str(path)), tmp_path / "x.txt", "plc", packets=10)
    assert said.startswith("10 packets of 20 ms, 30 % lost in runs of 1.5 packets in the mean")
    assert (
        "RFC 3611, Gmin 16: bursts of 80 ms in the mean with 75 % lost; gaps of 60 ms in the mean with 0 % lost" in said
    )
    said = write(Clean(), tmp_path / "x.txt", "plc", packets=10)
    assert said.startswith("10 packets of 20 ms, 0 % lost\nRFC 3611, Gmin 16: no bursts; gaps of 200 ms in the mean")


@pytest.mark.parametrize("form", BIT_FORMATS)
def test_exported_bit_errors_are_wrong_at_the_same_bits_again(tmp_path, form):
    path, channel = tmp_path / "x.dat", BitErrors(rate=0.05, gamma=0.9)
    said = write(channel, path, form, packets=4000)
    payload = [bytes(500)]
    drawn = channel.corrupt(payload, [4000], generator(3, "channel", "pattern"))
    assert BitErrors(path=str(path), format=form).corrupt(payload, [4000], generator(0)) == drawn
    assert drawn != payload
    assert said.startswith("4000 bits, ")
    assert f"bit_errors:path={path},format={form}" in said


def test_a_seed_is_a_file(tmp_path):
    blobs = set()
    for seed in (1, 1, 2):
        write(Bernoulli(0.3), tmp_path / "x", "g192", seed=seed)
        blobs.add((tmp_path / "x").read_bytes())
    assert len(blobs) == 2


@pytest.mark.parametrize(
    ("channel", "options", "message"),
    [
        (Late(), {"form": "g192"}, "holds losses only, and packets are delayed here; write format=csv"),
        (Both(), {"form": "csv"}, "losses and delays, or bit errors; write one for each part"),
        (BitErrors(rate=0.5), {"form": "opus"}, "has no place for bit errors"),
        (Clean(), {"form": "wav"}, "trace: format=wav must be one of plc"),
        (Clean(), {"form": "auto"}, "trace: format=auto must be one of plc"),
        (Clean(), {"form": "plc", "packets": 0}, "trace: packets=0 must be a whole number from 1 to 10000000"),
        (Clean(), {"form": "plc", "packet_ms": 0}, "trace: packet_ms=0 must be a number"),
        (Clean(), {"form": "bit", "packets": 9}, "9 is not a multiple of 8; ask for 16"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_no_file(tmp_path, channel, options, message):
    with pytest.raises(UserError, match=message):
        write(channel, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        write(Clean(), tmp_path / "none" / "x", "plc")


def test_a_chain_that_could_invert_bits_and_does_not_is_a_pattern_of_losses(tmp_path):
    chain = SimpleNamespace(fate=Bernoulli(0.5).fate, corrupt=lambda payloads, bits, generator: list(payloads))
    assert "% lost" in write(chain, tmp_path / "x", "g192")
