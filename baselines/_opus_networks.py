"""The neural networks of libopus 1.5 and later: deep PLC, LACE, NoLACE, and DRED, deep redundancy (arXiv:2212.04453).

They are a choice of whoever builds the library, and its version does not tell. So each is looked for by what it does:
whether a concealed frame, or a received one, changes with the decoder's complexity, and whether redundancy that was
asked for can be read from a packet.
"""

import ctypes
import weakref
from functools import cache
from typing import Any

import numpy as np

from baselines._framed import require
from baselines._libopus import LIBRARY, NativeDecoder, NativeEncoder, check, version
from baselines._libraries import INT, INT32, POINTER
from benchmark.types import NotMeasured, Signal, Unavailable

DEEP_PLC, LACE, NOLACE = 5, 6, 7  # the complexity of the decoder from which on they run
NETWORKS = {DEEP_PLC: "deep PLC", LACE: "LACE", NOLACE: "NoLACE"}
DRED, DRED_UNIT = "DRED", 10  # ms
REACH = range(0, 1_041, DRED_UNIT)  # ms: 26 latents of 40 ms
LATENTS = 25  # per second; the newest begins up to one of them, 40 ms, late: libopus has to read one more
RATE, FRAME, VOIP = 16_000, 320, 2048
_DRED_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "opus_dred_decoder_create": (POINTER, [POINTER]),
    "opus_dred_decoder_destroy": (None, [POINTER]),
    "opus_dred_alloc": (POINTER, [POINTER]),
    "opus_dred_free": (None, [POINTER]),
    "opus_dred_parse": (INT, [POINTER, POINTER, ctypes.c_char_p, INT32, INT32, INT32, POINTER, INT]),
    "opus_decoder_dred_decode_float": (INT, [POINTER, POINTER, INT32, POINTER, INT32]),
}


class Redundancy:
    """Reads the DRED of one packet after the other, for a decoder at `rate` Hz. Its states are freed with it.

    Raises:
        NotMeasured: ``codec_failed`` where libopus has none; ask `require_networks` before.
    """

    def __init__(self, rate: int) -> None:
        self.rate, self.library, error = rate, LIBRARY.load(), ctypes.c_int()
        if not hasattr(self.library, "opus_dred_parse"):
            raise NotMeasured("codec_failed", f"{version()} has no opus_dred_parse")
        for name, (result, arguments) in _DRED_SIGNATURES.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
        self.reader = self.library.opus_dred_decoder_create(ctypes.byref(error))
        check(error.value, "opus_dred_decoder_create")
        weakref.finalize(self, self.library.opus_dred_decoder_destroy, self.reader)
        self.state = self.library.opus_dred_alloc(ctypes.byref(error))
        check(error.value, "opus_dred_alloc")
        weakref.finalize(self, self.library.opus_dred_free, self.state)

    def read(self, payload: bytes, samples: int) -> range:
        """What a packet tells of the signal before its own, in samples back from there; empty where it has no DRED.

        Read are `samples` and a little more. What lies between the packet and the beginning of the range was silence,
        which is not sent.
        """
        end, wanted = ctypes.c_int(0), samples + self.rate // LATENTS
        given = (payload, len(payload), wanted, self.rate, ctypes.byref(end), 0)
        reach = self.library.opus_dred_parse(self.reader, self.state, *given)
        return range(end.value, max(reach, 0))  # below 0: no packet

    def decode(self, decoder: NativeDecoder, back: int, samples: int) -> Signal:
        """`samples` of output that begin `back` samples before the packet that was read last."""
        output = np.zeros(samples, np.float32)
        given = (self.state, back, output.ctypes.data, samples)
        code = self.library.opus_decoder_dred_decode_float(decoder.state, *given)
        check(code, f"decoding DRED of {samples} samples, {back} before a packet")
        return output


def found() -> tuple[str, ...]:
    """Which of `NETWORKS`, and of DRED, the libopus here has."""
    return _found(LIBRARY.load())


@cache
def _found(library: ctypes.CDLL) -> tuple[str, ...]:  # whose encoders and decoders these are
    frames = _hum(12).reshape(-1, FRAME)
    encoder = NativeEncoder(RATE, VOIP, {"bitrate": 20_000})
    packets = [*map(encoder.encode, frames), None, None]  # and two frames lost
    has, before = [], _decoded(packets, 0)
    for complexity, network in NETWORKS.items():
        try:
            now = _decoded(packets, complexity)
        except NotMeasured:  # before 1.5 a decoder had no complexity
            break
        if not np.array_equal(now, before):
            has.append(network)
        before = now
    return (*has, DRED) if _has_redundancy(frames) else tuple(has)


def _decoded(packets: list[bytes | None], complexity: int) -> Signal:
    decoder = NativeDecoder(RATE, complexity)
    return np.concatenate([decoder.decode(packet, FRAME) for packet in packets])


def _has_redundancy(frames: Signal) -> bool:
    try:
        redundancy = Redundancy(RATE)
        encoder = NativeEncoder(RATE, VOIP, {"bitrate": 40_000, "expected_loss": 20, "dred": 100})
    except NotMeasured:  # none of it was built
        return False
    return any(len(redundancy.read(packet, 0)) > 0 for packet in map(encoder.encode, frames))


def _hum(frames: int) -> Signal:
    """Harmonics of 120 Hz up to 6 kHz, louder and softer, as voices are: something to code in wideband."""
    seconds = np.arange(frames * FRAME) / RATE
    harmonics = np.arange(1, 50)[:, None]
    tone = (np.sin(2 * np.pi * 120 * harmonics * seconds + harmonics**2) / harmonics).sum(axis=0)
    return np.asarray(0.1 * tone * (1 + 0.8 * np.sin(2 * np.pi * 4 * seconds)), np.float32)


def require_networks(decoder_complexity: int, dred_ms: int, rate: int, frame_ms: int) -> None:
    """Check what Opus is asked for against what its networks can do, and against those that libopus has here.

    Raises:
        UserError: where a network would never run.
        Unavailable: where there is none; the text says how to get it.
    """
    require("opus: decoder_complexity", decoder_complexity, (0, *NETWORKS))
    require("opus: dred_ms", dred_ms, REACH)
    if decoder_complexity or dred_ms:
        require("opus: with networks, rate", rate, (16_000, 24_000, 48_000))
    if decoder_complexity >= LACE:
        require("opus: with LACE, frame_ms", frame_ms, (20, 40, 60))
    asked = {}
    if decoder_complexity:  # NoLACE takes the place of LACE, but both conceal by deep PLC
        needed = (NETWORKS[DEEP_PLC], NETWORKS[decoder_complexity])
        asked = dict.fromkeys(needed, f"decoder_complexity={decoder_complexity}")
    if dred_ms:
        asked[DRED] = f"dred_ms={dred_ms}"
    for network, setting in asked.items():
        if network not in (has := found()):
            raise Unavailable(f"opus: {setting} needs {network}. {_absent(has)}")


def _absent(has: tuple[str, ...]) -> str:
    library = f"{version()} ({LIBRARY.identity()['libopus']})"
    there = f"only {' and '.join(has)}" if has else "no networks"
    build = "Build libopus 1.5 or later, from its release, with --enable-deep-plc --enable-dred --enable-osce"
    return f"The {library} here was built with {there}. {build}, and give its path in {LIBRARY.variable}."
