"""Planted sides of comparisons: values of given codecs, conditions and speakers, and what `run.json` says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.sides import Side
from benchmark.table import Row, frame, write

KNOWN = {
    "pesq_wb": {"unit": "MOS-LQO", "better": "higher", "source": ""},
    "wer": {"unit": "", "better": "lower", "source": ""},
    "net_bps": {"unit": "bit/s", "better": "lower", "source": ""},
    "snr_db": {"unit": "dB", "better": "neither", "source": ""},
    "availability_ms": {"unit": "ms", "better": "lower", "source": ""},
}
CHANNELS = {"clean": "clean", "bernoulli:loss=0.1": "10 % loss"}


def row(**given: Any) -> Row:
    """A row of `results.parquet` with what is `given`."""
    usual = {
        **dict.fromkeys(Row._fields, ""),
        **{"codec": "A", "codec_spec": "a", "channel": "clean", "acoustics": "clean", "playout": "fixed:buffer_ms=60"},
        **{"protection": "none", "concealment": "codec", "header": "ipv4_udp_rtp", "mode": "streaming", "seed": 0},
        **{"dataset": "demo", "utterance": "u0", "speaker": "s0", "reference": "clean", "scorer": "pesq"},
        **{"name": "pesq_wb", "kind": "value", "value": 3.0, "numerator": None, "denominator": None},
        **{"unit": "MOS-LQO", "status": "ok", "key": "k"},
    }
    return Row(**{**usual, **given})


def facts(*codecs: str, **given: Any) -> dict[str, Any]:
    """What `run.json` says, as far as comparisons read it."""
    return {
        "schema": 1,
        "name": "planted",
        "codecs": {codec: {"spec": codec, "fingerprint": "f", "identity": {"lib": "1"}} for codec in codecs},
        "data": [{"name": "demo", "sha256": "d" * 64}],
        "tasks": {},
        "conditions": [{"channel": spec, "title": title, "identity": "i"} for spec, title in CHANNELS.items()],
        "acoustics": [{"acoustics": "clean", "title": "clean", "identity": "i"}],
        "protections": [{"protection": "none", "title": "", "identity": "i"}],
        "playouts": [{"playout": "fixed:buffer_ms=60", "title": "60 ms buffer", "identity": "i"}],
        "seeds": [0],
        "scorers": {"pesq@16000": {"versions": {"pesq": "0.0.4"}, "fingerprint": "p"}},
        "resampler": "soxr",
        "alignment": "constant",
        "header": "ipv4_udp_rtp",
        "mode": "streaming",
        "capture_ms": 10.0,
        "values": KNOWN,
        "environment": {"cpu": "EPYC", "cores": 2, "packages": {"numpy": "2"}, "git": "abc"},
        **given,
    }


def side(
    value: Callable[[int, int], float] = lambda speaker, utterance: 3.0 + 0.1 * speaker + 0.01 * utterance,
    *,
    codecs: tuple[str, ...] = ("A",),
    speakers: int = 12,
    each: int = 3,
    channels: tuple[str, ...] = tuple(CHANNELS),
    name: str = "planted",
    changed: dict[str, Any] | None = None,
    more: tuple[Row, ...] = (),
) -> Side:
    """PESQ of every codec and channel on `each` utterances of each of `speakers`; `changed` facts, `more` rows."""
    rows = [
        row(codec=c, channel=channel, utterance=f"u{s}_{u}", speaker=f"s{s}", value=value(s, u))
        for c in codecs
        for channel in channels
        for s in range(speakers)
        for u in range(each)
    ]
    return Side(name, facts(*codecs, **(changed or {})), frame([*rows, *more]))


def but(planted: Side, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Side:
    """The side with its rows changed."""
    return Side(planted.name, planted.facts, change(planted.rows.copy()), planted.rounded)


def folder(path: Path, planted: Side) -> Path:
    """The side as a run folder."""
    path.mkdir()
    write(planted.rows, path / "results.parquet")
    (path / "run.json").write_text(json.dumps(planted.facts))
    return path
