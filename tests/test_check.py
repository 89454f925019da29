"""`benchmark.check`: every codec of ours keeps its promises, and each broken one is caught by the right promise."""

import inspect

import pytest

from benchmark import check, registry
from benchmark.bench import Bench
from benchmark.check import CHECKS, check_codec
from benchmark.suite import Limits
from benchmark.types import Unavailable, UserError

PROMISES = {
    **{function.__name__: (inspect.getdoc(function) or "").rstrip(".") for function in CHECKS},
    "describes": "it describes itself, encodes speech into bytes that cover it, and decodes them to finite samples",
}
LIMITS = Limits(seconds=20.0, memory_mb=2000)

CAUGHT = {  # spec: the first promise it breaks, and the sentence
    "Trouble:what=raise": ("describes", "encode: RuntimeError: planned failure"),
    "Trouble:what=raise,where=construct": ("describes", "describe: RuntimeError: planned failure"),
    "Trouble:what=kill,where=decode": ("describes", "decode: its process was killed by SIGKILL"),
    "Nan": ("describes", "the decoder returned NaN or infinity, first at sample 965"),
    "TooFew": ("length", "with nothing lost, the decoder returned 11040 samples after its delay of 0, 21920 were due"),
    "IntPayloads": ("describes", "the encoder returned int where bytes were due"),
    "DropsLastFrame": ("describes", "68 frames cover 21760 of 21920 input samples"),
    "ForgetsRemainder": ("describes", "68 frames cover 21760 of 21920 input samples"),
    "OddInfo:fact=rate_in": ("describes", "codec.info has rate_in=16000.0, which is not an int"),
    "ChunkDependent": ("encoder_chunks", "pushing 7 samples at a time changes frame 0 of 69"),
    "SlotChunkDependent": ("decoder_chunks", "pushing 3 slots at a time changes the output, by up to"),
    "ShortWhenLost": ("length", "with frame 0 lost, it returns 22079 samples in place of 22080"),
    "SharedState": ("decoder_chunks", "changes the output, by up to"),
    "Choosy:breaks=chunks": ("decoder_chunks", "pushing 3 slots at a time, strategy hum changes the output, by up to"),
    "Choosy:breaks=length": ("length", "with frame 0 lost, strategy hum, it returns 22079 samples in place of 22080"),
    "Choosy:breaks=clean": ("strategies", "with nothing lost, strategy hum changes the output, by up to"),
    "Mindful": ("no_leaks", "a second session after one with losses changes the output, by up to"),
    "ProcessDependent": ("same_process", "a second process encodes the same speech to other bytes"),
    "RefusesQuiet": ("quiet_slots", "decode: ValueError: an empty payload"),
    "MisstatedBits": ("bits", "frame 0 has 640 bytes; 100 bits need 13"),
    "Late:ms=7": (
        "declared_delay",
        "it declares 0.00 ms, the waveform says 7.00 ms; write delay=112 into its CodecInfo",
    ),
}


@pytest.mark.parametrize("name", registry.names("codec"))
def test_every_codec_of_ours_keeps_its_promises(name: str) -> None:
    try:
        verdicts = check_codec(name, LIMITS)
    except Unavailable as error:
        pytest.skip(str(error))
    assert [v for v in verdicts if v.problem] == []
    assert len(verdicts) == 1 + len(CHECKS)


@pytest.mark.parametrize("spec", CAUGHT)
def test_a_broken_codec_is_caught(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CLIPS", 1)
    promise, sentence = CAUGHT[spec]
    bench = Bench(LIMITS)
    try:  # the promises after that one would take most of the time
        first = next(v for v in check._verdicts(registry.parse(f"tests.misbehaving:{spec}"), bench) if v.problem)
    finally:
        bench.close()
    assert first.promise == PROMISES[promise]
    assert sentence in first.problem


UNTIMELY = {  # of tests.planted
    "Ahead:frame=320,reach=640,says=0": {
        "on_time": "non-causal: its packets wait for input 40 ms beyond what it declares",
        "causal": "non-causal: pushed all at once, its output depends on input 20.06 ms beyond what it declares",
    },
    "Whole:streaming=true": {
        "on_time": "non-causal: no payload comes out before the input ends",
        "causal": "non-causal: pushed all at once, its output depends on input 100 ms beyond what it declares",
    },
    "Prophet": {
        "encoder_chunks": "pushing 320 samples at a time changes frame 5 of 69",
        "causal": "non-causal: pushed all at once, its output depends on input 100 ms beyond what it declares",
    },
    "Withheld": {"on_time": "its output is 20 ms later than it declares"},
    "Ahead:frame=320,reach=0,late=80,trails=0": {
        "declared_delay": "it declares 0.00 ms, the waveform says 5.00 ms; write delay=80 into its CodecInfo",
        "on_time": "its output is 5 ms later than it declares",
    },
}


@pytest.mark.parametrize("spec", UNTIMELY)
def test_a_codec_that_takes_longer_than_it_declares_is_caught(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CLIPS", 1)
    names = {promise: name for name, promise in PROMISES.items()}
    found = {names[v.promise]: v.problem for v in check_codec(f"tests.planted:{spec}", LIMITS) if v.problem}
    assert list(found) == list(UNTIMELY[spec])
    assert all(sentence in found[name] for name, sentence in UNTIMELY[spec].items())


@pytest.mark.parametrize("spec", ["Ahead:frame=320,reach=640", "Ahead:reach=0,says=640", "Grouped", "Whole"])
def test_look_ahead_that_is_declared_breaks_no_promise(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CLIPS", 1)
    assert [v for v in check_codec(f"tests.planted:{spec}", LIMITS) if v.problem] == []


@pytest.mark.parametrize(
    "spec", ["Late:ms=7,says=7", "Framed:ms=60", "Dtx", "Trouble:what=flood", "FecTeller", "Choosy"]
)
def test_an_odd_but_honest_codec_passes(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CLIPS", 1)
    assert [v for v in check_codec(f"tests.misbehaving:{spec}", LIMITS) if v.problem] == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("opsu", "No codec called 'opsu'. Did you mean 'opus'?"),
        ("pcm:rat=1", "codec 'pcm' has no parameter 'rat'. Did you mean 'rate'?"),
        ("pcm:rate=7", "rate=7 is not allowed"),
        ("nowhere:Codec", "Python finds no module 'nowhere'"),
        ("tests.misbehaving:Nothing", "has no 'Nothing'"),
    ],
)
def test_wrong_use(spec: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_codec(spec, LIMITS)


def test_a_codec_that_lacks_something() -> None:
    with pytest.raises(Unavailable, match="pip install planned"):
        check_codec("tests.misbehaving:Trouble:what=lack,where=construct", LIMITS)
