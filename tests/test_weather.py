"""The network is a function of time: every codec meets the same weather, and it is the same for ever."""

import hashlib

import numpy as np
import pytest

from benchmark import registry
from benchmark.channels.bernoulli import CELL
from benchmark.codec import frame_of
from benchmark.seeds import generator
from benchmark.types import LOST, CodecInfo
from tests.networks import MS, delays, every, ready

HOUR = 3600  # seconds
CODECS = {
    "10 ms": (48_000, 480),
    "13.33 ms": (24_000, 320),
    "20 ms": (16_000, 320),
    "40 ms": (8_000, 320),
    "80 ms": (16_000, 1280),
    "20 ms and a look-ahead of 6.5 ms": (48_000, 960, 312),
}
SLOT = 20 * MS
DIGESTS = {
    "bernoulli:loss=0.1": "841e3009549b2baa",
    "gilbert:loss=0.1": "a0d214c56e375a3c",
    "gilbert:loss=0.1,burst_ratio=3": "c1bb759a7dbda089",
    "gilbert:loss=0.1,burst_length=3,slot_ms=30": "83c6ec8c81e7eeeb",
    "gilbert:loss=0.12,burst_ratio=3,loss_good=0.02,loss_bad=0.7": "9426a9d7868efb66",
    "markov:loss=0.1,burst_length=6,density=0.7,isolated=0.1": "4d28f64a9d31bce5",
    "markov:p13=0.05,p31=0.3,slot_ms=30": "bd09c095228be16f",
    "bellcore:loss=0.1": "70df3b3d6910496d",
    "holes:length_ms=120,every_ms=1000,start_ms=500": "2efc1f1b8009540f",
    "delay:ms=80": "bb918147fe10391b",
    "gaussian:mean_ms=60,std_ms=30": "6815c47d7de8e44a",
    "gaussian:mean_ms=60,std_ms=30,ordered=true,step_ms=10": "b1e47a921cd00acd",
    "gamma:mean_ms=60,std_ms=40": "f5cec522e889bff6",
    "gamma:mean_ms=60,std_ms=40,ordered=true": "7770f475e0ab1af2",
    "spikes:per_minute=30,height_ms=200,decay_ms=300": "013bea553fd48a8a",
    "spikes:per_minute=30,height_ms=200,decay_ms=50": "a81f03a562e1456a",
}
ALL = list(DIGESTS)
AGAIN = ("slot_ms", "loss_good", "gamma:mean_ms=60,std_ms=40,ordered", "decay_ms=50")
HOURLY = [text for text in ALL if not any(part in text for part in AGAIN)]  # one of each way of drawing
# What one number per slot decides: the length of the slot, and of which channel the slots are the entries.
SLOTS = {
    "bernoulli:loss=0.1": CELL,
    "gilbert:loss=0.1": CELL,
    "markov:loss=0.1,burst_length=6,density=0.7,isolated=0.1": SLOT,
    "bellcore:loss=0.1": SLOT,
    "gaussian:mean_ms=60,std_ms=30": SLOT,
    "gamma:mean_ms=60,std_ms=40": SLOT,
}


def made(text):
    return registry.make("channel", registry.parse(text))


@pytest.fixture(scope="module")
def hour():
    """Send instants per codec over one hour, and all of them together, each once."""
    streams = {name: ready(HOUR, *codec) for name, codec in CODECS.items()}
    return streams, np.unique(np.concatenate(list(streams.values())))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_the_instants_are_those_of_the_encoders(codec):
    rate, frame, lookahead = (*codec, 0)[:3]
    info = CodecInfo(rate, rate, frame, lookahead=lookahead)
    assert [frame_of(info, i, b"").ready for i in range(20 * rate // frame)] == ready(20, *codec).tolist()


def test_frames_of_13_and_a_third_ms_fall_between_the_nanoseconds(hour):
    sent = hour[0]["13.33 ms"]
    assert len(sent) == 270_000
    assert sent[:3].tolist() == [13_333_333, 26_666_666, 40_000_000]
    assert sent[-1] == HOUR * 1000 * MS


@pytest.mark.parametrize("text", HOURLY)
def test_over_an_hour_all_codecs_meet_the_same_weather_at_every_packet(text, hour):
    streams, instants = hour
    channel = made(text)
    together = delays(channel, instants)
    for name, sent in streams.items():
        alone = channel.fate(sent, generator(0, "channel"))
        assert (alone.delays == together[np.searchsorted(instants, sent)]).all(), name
        assert (alone.wraps, alone.base) == (0, 80 * MS if text == "delay:ms=80" else 0)


@pytest.mark.parametrize(("text", "slot"), SLOTS.items())
def test_a_packet_is_decided_by_the_slot_that_ends_with_it_or_that_it_is_sent_in(text, slot, hour):
    _, instants = hour
    channel = made(text)
    entries = delays(channel, slot * np.arange(1, instants[-1] // slot + 2)).tolist()
    seen = delays(channel, instants).tolist()
    assert seen == [entries[-(-t // slot) - 1] for t in instants.tolist()]  # rounded up: (0, slot] is entry 0


def test_holes_are_where_they_were_asked_for(hour):
    _, instants = hour
    length, every_ns, start = 120 * MS, 1000 * MS, 500 * MS
    seen = delays(made("holes:length_ms=120,every_ms=1000,start_ms=500"), instants)
    holes = [(start + k * every_ns, start + k * every_ns + length) for k in range(HOUR)]
    k = np.searchsorted([a for a, _ in holes], instants) - 1  # the last hole that began before the packet
    ends = np.array([b for _, b in holes])[k]
    assert (seen == np.where((k >= 0) & (instants <= ends), LOST, 0)).all()


@pytest.mark.parametrize("text", ALL)
def test_a_longer_stream_does_not_change_what_happened_before(text):
    whole = delays(made(text), every(20, 4000))
    for packets in (1, 2, 255, 1000):
        assert (delays(made(text), every(20, packets)) == whole[:packets]).all()


@pytest.mark.parametrize("text", ALL)
def test_no_packet_and_one_at_the_very_start_are_fine(text):
    assert delays(made(text), every(20, 0)).tolist() == []
    first = delays(made(text), np.array([0, 1]))
    assert first.dtype == np.int64
    assert 0 <= first[0] - first[1] <= 1  # of one slot; in order, whoever is sent later by 1 ns waits for 1 ns less


@pytest.mark.parametrize("text", ALL)
def test_another_seed_is_other_weather(text):
    same, others = (delays(made(text), every(20, 3000), seed) for seed in (0, 1))
    assert (same == others).all() == text.startswith(("holes", "delay"))


@pytest.mark.parametrize(("text", "digest"), DIGESTS.items())
def test_the_weather_is_the_same_for_ever(text, digest):
    """Digests of integers; comparisons decide them, or floats that are rounded far above their last digit."""
    found = hashlib.sha256()
    for sent in (every(20, 3000), ready(40, 24_000, 320)):
        found.update(made(text).fate(sent, generator(7, "channel", "golden")).delays.astype("<i8").tobytes())
    assert found.hexdigest()[:16] == digest
