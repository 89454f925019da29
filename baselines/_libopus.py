"""libopus through ctypes (Opus, RFC 6716): found, checked, wrapped as one encoder and one decoder."""

import ctypes
import importlib.util
import os
import weakref
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.types import NotMeasured, Signal, Unavailable, UserError

VARIABLE = "FOCALBENCH_LIBOPUS"
SONAMES = ("libopus.so.0", "libopus.0.dylib", "opus.dll", "libopus-0.dll")
OK, GET_LOOKAHEAD = 0, 4027
LARGEST = 4000  # bytes of one packet; the size the manual of opus_encode recommends
SET = {  # request numbers of opus_defines.h
    "bitrate": 4002,
    "vbr": 4006,
    "complexity": 4010,
    "fec": 4012,
    "expected_loss": 4014,
    "dtx": 4016,
}
_POINTER, _INT, _INT32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int32
_SIGNATURES: dict[str, tuple[type, list[type]]] = {
    "opus_get_version_string": (ctypes.c_char_p, []),
    "opus_strerror": (ctypes.c_char_p, [_INT]),
    "opus_encoder_create": (_POINTER, [_INT32, _INT, _INT, _POINTER]),
    "opus_encoder_ctl": (_INT, [_POINTER, _INT]),  # and a value, which is variadic
    "opus_encode_float": (_INT32, [_POINTER, _POINTER, _INT, _POINTER, _INT32]),
    "opus_encoder_destroy": (_INT, [_POINTER]),
    "opus_decoder_create": (_POINTER, [_INT32, _INT, _POINTER]),
    "opus_decode_float": (_INT, [_POINTER, ctypes.c_char_p, _INT32, _POINTER, _INT, _INT]),
    "opus_decoder_destroy": (_INT, [_POINTER]),
}


def load() -> ctypes.CDLL:
    """The library that the environment variable FOCALBENCH_LIBOPUS names, else the system's, else PyAV's.

    Raises:
        UserError: when the variable names something else than a libopus.
        Unavailable: when there is none.
    """
    return _load(os.environ.get(VARIABLE, ""))


@cache
def _load(named: str) -> ctypes.CDLL:
    if named:
        try:
            return _typed(ctypes.CDLL(named))
        except (OSError, AttributeError) as error:
            advice = "Give the path of libopus.so.0, or unset it."
            raise UserError(f"{VARIABLE}={named!r} is not a libopus: {error}. {advice}") from error
    for candidate in _candidates():
        try:
            return _typed(ctypes.CDLL(candidate))
        except (OSError, AttributeError):
            continue
    raise Unavailable(f"Opus needs libopus: `pip install av`, `apt install libopus0`, or {VARIABLE}=PATH.")


def _candidates() -> Iterator[str]:
    """Cheapest first: names the loader knows, what the system's tools find (tens of ms), PyAV's own copy."""
    yield from SONAMES
    from ctypes.util import find_library

    if found := find_library("opus"):
        yield found
    spec = importlib.util.find_spec("av")  # does not import it
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            yield from map(str, sorted(folder.glob("*opus*")))


def _typed(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def version() -> str:
    """For example ``libopus 1.6.1``."""
    return str(load().opus_get_version_string().decode())


def _check(library: ctypes.CDLL, code: int, what: str) -> int:
    if code < OK:
        reason = library.opus_strerror(code).decode()
        raise NotMeasured("codec_failed", f"{version()}: {what}: {reason} ({code})")
    return code


class NativeEncoder:
    """One mono encoder at `rate` Hz; `settings` are the keys of `SET`. It is freed with this object."""

    def __init__(self, rate: int, application: int, settings: Mapping[str, int]) -> None:
        self.library, error = load(), ctypes.c_int()
        self.state = self.library.opus_encoder_create(rate, 1, application, ctypes.byref(error))
        _check(self.library, error.value, "opus_encoder_create")
        weakref.finalize(self, self.library.opus_encoder_destroy, self.state)
        for name, value in settings.items():
            code = self.library.opus_encoder_ctl(self.state, SET[name], ctypes.c_int32(value))
            _check(self.library, code, f"setting {name}={value}")
        self.packet = ctypes.create_string_buffer(LARGEST)

    def lookahead(self) -> int:
        """By how many samples the decoder's output trails the input."""
        found = ctypes.c_int32()
        code = self.library.opus_encoder_ctl(self.state, GET_LOOKAHEAD, ctypes.byref(found))
        _check(self.library, code, "OPUS_GET_LOOKAHEAD")
        return found.value

    def encode(self, frame: Signal) -> bytes:
        """One packet."""
        samples = np.ascontiguousarray(frame, np.float32)
        given, count = samples.ctypes.data, len(samples)
        size = self.library.opus_encode_float(self.state, given, count, self.packet, LARGEST)
        return self.packet.raw[: _check(self.library, size, f"encoding {count} samples")]


class NativeDecoder:
    """One mono decoder at `rate` Hz. It is freed with this object."""

    def __init__(self, rate: int) -> None:
        self.library, error = load(), ctypes.c_int()
        self.state = self.library.opus_decoder_create(rate, 1, ctypes.byref(error))
        _check(self.library, error.value, "opus_decoder_create")
        weakref.finalize(self, self.library.opus_decoder_destroy, self.state)

    def decode(self, payload: bytes | None, samples: int, fec: bool = False) -> Signal:
        """`samples` of output: of the payload, of the frame before it (`fec`), or concealed (None).

        Raises:
            NotMeasured: ``codec_failed`` when the payload is malformed or of another duration.
        """
        output = np.zeros(samples, np.float32)
        size = 0 if payload is None else len(payload)
        what = f"decoding {size} bytes as {samples} samples"
        code = self.library.opus_decode_float(self.state, payload, size, output.ctypes.data, samples, fec)
        if _check(self.library, code, what) != samples:
            raise NotMeasured("codec_failed", f"{version()}: {what}: the packet holds {code} samples")
        return output
