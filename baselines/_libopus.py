"""libopus through ctypes (Opus, RFC 6716): found, checked, wrapped as one encoder and one decoder."""

import ctypes
import importlib.util
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from baselines._libraries import INT, INT32, POINTER, Library
from benchmark.types import NotMeasured, Signal

OK, GET_LOOKAHEAD = 0, 4027
LARGEST = 4000  # bytes of one packet; the size the manual of opus_encode recommends
COMPLEXITY = 4010
SET = {  # request numbers of opus_defines.h
    "bitrate": 4002,
    "vbr": 4006,
    "complexity": COMPLEXITY,
    "fec": 4012,
    "expected_loss": 4014,
    "dtx": 4016,
    "dred": 4050,  # how far back deep redundancy reaches, in units of 10 ms
}


def _of_pyav() -> Iterator[str]:
    """PyAV's own copy, in its wheel."""
    spec = importlib.util.find_spec("av")  # does not import it
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            yield from map(str, sorted(folder.glob("*opus*")))


LIBRARY = Library(
    "Opus",
    "opus",
    ("libopus.so.0", "libopus.0.dylib", "opus.dll", "libopus-0.dll"),
    "libopus0",
    {
        "opus_get_version_string": (ctypes.c_char_p, []),
        "opus_strerror": (ctypes.c_char_p, [INT]),
        "opus_encoder_create": (POINTER, [INT32, INT, INT, POINTER]),
        "opus_encoder_ctl": (INT, [POINTER, INT]),  # and a value, which is variadic
        "opus_encode_float": (INT32, [POINTER, POINTER, INT, POINTER, INT32]),
        "opus_encoder_destroy": (None, [POINTER]),
        "opus_decoder_create": (POINTER, [INT32, INT, POINTER]),
        "opus_decoder_ctl": (INT, [POINTER, INT]),  # the same
        "opus_decode_float": (INT, [POINTER, ctypes.c_char_p, INT32, POINTER, INT, INT]),
        "opus_decoder_destroy": (None, [POINTER]),
    },
    elsewhere=_of_pyav,
    otherwise="`pip install av` ",
)


def version() -> str:
    """For example ``libopus 1.6.1``."""
    return str(LIBRARY.load().opus_get_version_string().decode())


def check(code: int, what: str) -> int:
    """`code`, which libopus returned.

    Raises:
        NotMeasured: ``codec_failed`` when it stands for an error.
    """
    if code < OK:
        reason = LIBRARY.load().opus_strerror(code).decode()
        raise NotMeasured("codec_failed", f"{version()}: {what}: {reason} ({code})")
    return code


class NativeEncoder:
    """One mono encoder at `rate` Hz; `settings` are the keys of `SET`. It is freed with this object."""

    def __init__(self, rate: int, application: int, settings: Mapping[str, int]) -> None:
        self.library, error = LIBRARY.load(), ctypes.c_int()
        self.state = self.library.opus_encoder_create(rate, 1, application, ctypes.byref(error))
        check(error.value, "opus_encoder_create")
        weakref.finalize(self, self.library.opus_encoder_destroy, self.state)
        for name, value in settings.items():
            code = self.library.opus_encoder_ctl(self.state, SET[name], ctypes.c_int32(value))
            check(code, f"setting {name}={value}")
        self.packet = ctypes.create_string_buffer(LARGEST)

    def lookahead(self) -> int:
        """By how many samples the decoder's output trails the input."""
        found = ctypes.c_int32()
        code = self.library.opus_encoder_ctl(self.state, GET_LOOKAHEAD, ctypes.byref(found))
        check(code, "OPUS_GET_LOOKAHEAD")
        return found.value

    def encode(self, frame: Signal) -> bytes:
        """One packet."""
        samples = np.ascontiguousarray(frame, np.float32)
        given, count = samples.ctypes.data, len(samples)
        size = self.library.opus_encode_float(self.state, given, count, self.packet, LARGEST)
        return self.packet.raw[: check(size, f"encoding {count} samples")]


class NativeDecoder:
    """One mono decoder at `rate` Hz. It is freed with this object.

    Args:
        rate: Hz.
        complexity: which networks it may use; 0, and libopus before 1.5: none.
    """

    def __init__(self, rate: int, complexity: int = 0) -> None:
        self.library, error = LIBRARY.load(), ctypes.c_int()
        self.state = self.library.opus_decoder_create(rate, 1, ctypes.byref(error))
        check(error.value, "opus_decoder_create")
        weakref.finalize(self, self.library.opus_decoder_destroy, self.state)
        if complexity:
            code = self.library.opus_decoder_ctl(self.state, COMPLEXITY, ctypes.c_int32(complexity))
            check(code, f"setting the decoder's complexity={complexity}")

    def decode(self, payload: bytes | None, samples: int, fec: bool = False) -> Signal:
        """`samples` of output: of the payload, of the frame before it (`fec`), or concealed (None).

        Raises:
            NotMeasured: ``codec_failed`` when the payload is malformed or of another duration.
        """
        output = np.zeros(samples, np.float32)
        size = 0 if payload is None else len(payload)
        what = f"decoding {size} bytes as {samples} samples"
        code = self.library.opus_decode_float(self.state, payload, size, output.ctypes.data, samples, fec)
        if check(code, what) != samples:
            raise NotMeasured("codec_failed", f"{version()}: {what}: the packet holds {code} samples")
        return output
