"""Made-up runs of any size: what the report is timed on."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.table import COLUMNS, write
from tests.runs import VALUES

RATES = {f"codec {bits:g}k": bits for bits in (0.7, 1.3, 2.4, 3.2, 6, 9, 12, 16, 24, 64)}  # kbit/s by label
LOSSES, BURSTS = (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3), (1, 1.5, 2, 3, 4)
SCORES = {  # name: unit, better, and what it is at its worst and best
    "pesq_wb": ("MOS-LQO", "higher", 1.04, 4.64),
    "pesq_nb": ("MOS-LQO", "higher", 1.02, 4.55),
    "plcmos": ("MOS", "higher", 1.0, 4.8),
    "stoi": ("", "higher", 0.5, 1.0),
    "estoi": ("", "higher", 0.3, 1.0),
    "si_sdr": ("dB", "higher", -20.0, 30.0),
    "mel_distance": ("dB", "lower", 12.0, 0.0),
    "utmos": ("MOS", "higher", 1.2, 4.2),
}
TOLD = {name: {"unit": unit, "better": better, "source": "made up"} for name, (unit, better, *_) in SCORES.items()}
LINK = {"net_bps": 1.0, "wire_bps": 1.0}


def make_large_run(folder: Path, codecs: int = 10, conditions: int = 50, speakers: int = 20, each: int = 2) -> int:
    """Write a run with these numbers of codecs (up to 10), conditions (up to 50), speakers, and utterances of each.

    Every utterance has eight scores and two facts of the link. Returns the number of rows.
    """
    labels, networks = list(RATES)[:codecs], _networks()[:conditions]
    persons = [f"{speaker:03d}" for speaker in range(speakers)]
    utterances = [f"{person}-{number:04d}" for person in persons for number in range(each)]
    axes = [labels, [n["channel"] for n in networks], utterances, [*SCORES, *LINK]]
    grid = pd.MultiIndex.from_product(axes, names=["codec", "channel", "utterance", "name"]).to_frame(index=False)
    rows = grid.assign(value=_values(labels, networks, len(utterances)), **_constants())
    rows["speaker"] = rows["utterance"].str.partition("-")[0]
    rows["codec_spec"] = "opus:bitrate=" + rows["codec"].str.removeprefix("codec ").str.removesuffix("k")
    of_link = rows["name"].isin(LINK)
    rows["scorer"] = rows["name"].mask(of_link, "link")
    rows["reference"] = rows["reference"].mask(of_link, "")
    rows["key"] = [f"{number:064x}" for number in range(len(rows))]
    folder.mkdir(parents=True, exist_ok=True)
    write(rows[list(COLUMNS)], folder / "results.parquet")
    (folder / "run.json").write_text(json.dumps(_facts(labels, networks, speakers * each, speakers)), encoding="utf-8")
    return len(rows)


def _networks() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {"channel": "clean", "title": "Clean", "family": "clean", "loss": None, "burst_ratio": None}
    ]
    for burst, loss in product(BURSTS, LOSSES):
        spec = f"gilbert:burst_ratio={burst},loss={loss}"
        title = f"{100 * loss:g} % loss, bursts ×{burst:g}"
        made.append({"channel": spec, "title": title, "family": "gilbert", "loss": loss, "burst_ratio": burst})
    more = {"family": "trace", "loss": None, "burst_ratio": None}
    return made + [{"channel": f"trace:name=t{n}", "title": f"Trace {n}", **more} for n in range(9)]


def _values(labels: list[str], networks: list[dict[str, Any]], utterances: int) -> Any:
    """Plausible values, in the order of the grid: better with the rate, worse with the loss, with luck of their own."""
    rates = np.array([RATES[label] for label in labels])
    quality = np.log(rates / 0.5) / np.log(200)
    loss = np.array([n["loss"] or (0.0 if n["family"] == "clean" else 0.07) for n in networks])
    mean = quality[:, None] * np.exp(-6 * loss)[None, :]
    luck = np.random.default_rng(0).normal(0, 0.04, (*mean.shape, utterances, len(SCORES)))
    share = np.clip(mean[:, :, None, None] + luck, 0, 1)
    worst, best = (np.array([scale[at] for scale in SCORES.values()]) for at in (2, 3))
    scores = worst + share * (best - worst)
    bits = np.broadcast_to(1000 * rates[:, None, None, None], (*scores.shape[:3], 1))
    return np.concatenate([scores, bits, bits + 16_000], axis=3).ravel()


def _constants() -> dict[str, Any]:
    texts = {"acoustics": "clean", "playout": "fixed:buffer_ms=60", "protection": "none", "concealment": "native"}
    texts |= {"header": "ipv4_udp_rtp", "mode": "streaming", "dataset": "read_speech", "reference": "clean"}
    none = dict.fromkeys(("numerator", "denominator"), np.nan)
    return texts | none | {"kind": "value", "unit": "", "status": "ok", "reason": "", "seed": 0}


def _facts(labels: list[str], networks: list[dict[str, Any]], utterances: int, speakers: int) -> dict[str, Any]:
    data = {"name": "read_speech", "utterances": utterances, "speakers": speakers, "seconds": 6.0 * utterances}
    codecs = {label: {"spec": f"opus:bitrate={RATES[label]}", "status": "ok", "streaming": True} for label in labels}
    head = {"schema": 1, "name": "large", "title": "Many codecs on many networks", "started": "2026-01-29T14:03:00"}
    return head | {"data": [data], "codecs": codecs, "conditions": networks, "values": VALUES | TOLD, "seeds": [0]}
