"""What listeners say of signals as text: JSON in which arrays are their bytes, compressed."""

import base64
import json
import zlib
from typing import Any

import numpy as np

from benchmark.types import Description, NotMeasured

ARRAY, FAILED = "__array__", "__not_measured__"


def dumps(description: Description | NotMeasured) -> bytes:
    """As bytes, for the store.

    Raises:
        TypeError: for what is neither plain nor an array of numbers.
    """
    return json.dumps(description, default=_plain, separators=(",", ":")).encode()


def loads(data: bytes) -> Description | NotMeasured:
    """What `dumps` was given."""
    return json.loads(data, object_hook=_rich)


def _plain(value: Any) -> Any:
    if isinstance(value, NotMeasured):
        return {FAILED: [value.status, value.reason]}
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return value.item()
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        packed = base64.b64encode(zlib.compress(np.ascontiguousarray(value).tobytes())).decode()
        return {ARRAY: [value.dtype.str, list(value.shape), packed]}
    raise TypeError(f"a description holds a {type(value).__name__}; plain types and arrays of numbers are allowed")


def _rich(entry: dict[str, Any]) -> Any:
    if ARRAY in entry:
        dtype, shape, packed = entry[ARRAY]
        return np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.dtype(dtype)).reshape(shape)
    if FAILED in entry:
        return NotMeasured(*entry[FAILED])
    return entry
