"""Made-up run folders that look like real ones: what reports and tables are tested on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import soundfile

from benchmark.table import Row, frame, write
from benchmark.types import Status
from tests.signals import speech_like

CODECS = {  # label: spec, net bit/s, frame in ms, look-ahead in ms, PESQ-WB without loss, robustness
    "pcm": ("pcm", 256_000, 20.0, 0.0, 4.64, 0.9),
    "opus-24k": ("opus:bitrate=24000,fec=true", 24_100, 20.0, 6.5, 4.05, 1.5),
    "opus-12k": ("opus:bitrate=12000", 12_050, 20.0, 6.5, 3.1, 1.1),
    "opus-6k": ("opus:bitrate=6000", 6_200, 20.0, 6.5, 1.9, 1.0),
    "codec2-3200": ("codec2:mode=3200", 3_200, 20.0, 20.0, 1.75, 0.8),
    "codec2-700c": ("codec2:mode=700C", 700, 40.0, 0.0, 1.25, 0.7),
}
VALUES = {
    "pesq_wb": {"unit": "MOS-LQO", "better": "higher", "source": "ITU-T P.862.2 through pesq 0.0.4"},
    "stoi": {"unit": "", "better": "higher", "source": "Taal et al. 2011 through pystoi 0.4.1"},
    "si_sdr": {"unit": "dB", "better": "higher", "source": "Le Roux et al. 2019"},
    "mel_distance": {"unit": "dB", "better": "lower", "source": "mean |difference| of log-mel spectra"},
    "net_bps": {"unit": "bit/s", "better": "lower", "source": "bits of all frames over the duration"},
    "wire_bps": {"unit": "bit/s", "better": "lower", "source": "payload and headers over the duration"},
    "loss_rate": {"unit": "", "better": "lower", "source": "packets lost over packets sent"},
    "residual_loss": {"unit": "share", "better": "lower", "source": "frames missing at the decoder"},
    "latency_ms": {"unit": "ms", "better": "lower", "source": "from capture until it plays"},
    "redundancy_bps": {"unit": "bit/s", "better": "lower", "source": "copies and their headers"},
    "burst_ms": {"unit": "ms", "better": "neither", "source": "time lost over runs of lost packets"},
}
LOSSES, BURSTS, TRACES = (0.01, 0.05, 0.1, 0.2), (1.0, 2.0), {"wifi": 0.034, "lte": 0.071, "congested": 0.152}


def conditions() -> list[dict[str, Any]]:
    """Clean, eight Gilbert channels, three traces, as `run.json` lists them."""
    made: list[dict[str, Any]] = [
        {"channel": "clean", "title": "Clean", "family": "clean", "loss": None, "burst_ratio": None}
    ]
    for burst in BURSTS:
        for loss in LOSSES:
            title = f"{100 * loss:g} % loss" + (f", bursts ×{burst:g}" if burst > 1 else "")
            spec = f"gilbert:burst_ratio={burst},loss={loss}"
            made.append({"channel": spec, "title": title, "family": "gilbert", "loss": loss, "burst_ratio": burst})
    for name in TRACES:
        made.append(
            {
                "channel": f"trace:name={name}",
                "title": f"Trace {name}",
                "family": "trace",
                "loss": None,
                "burst_ratio": None,
            }
        )
    return made


def make_run(
    folder: Path,
    codecs: Sequence[str] = tuple(CODECS),
    channels: Sequence[dict[str, Any]] | None = None,
    speakers: int = 10,
    per_speaker: int = 2,
    audio: Sequence[str] = (),
    status: Status = "ok",
    rename: str = "",
    facts: dict[str, Any] | None = None,
) -> Path:
    """Write a run folder with plausible values.

    Args:
        folder: where.
        codecs: labels out of CODECS.
        channels: conditions; None takes all of them.
        speakers: how many; each says `per_speaker` utterances.
        per_speaker: utterances of each.
        audio: the codecs with an example to listen to; files are made only for these.
        status: of every score; other than ``ok``, all of them fail.
        rename: a label to use for the last codec.
        facts: replaces keys of `run.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    channels = conditions() if channels is None else list(channels)
    labels = {codec: rename if rename and codec == codecs[-1] else codec for codec in codecs}
    rows = [
        row
        for codec in codecs
        for channel in channels
        for speaker in range(speakers)
        for utterance in range(per_speaker)
        for row in _rows(codec, labels[codec], channel, f"{speaker:03d}", f"{speaker:03d}-{utterance:04d}", status)
    ]
    write(frame(rows), folder / "results.parquet")
    stated = _facts(labels, channels, speakers, per_speaker) | (facts or {})
    (folder / "run.json").write_text(json.dumps(stated), encoding="utf-8")
    if audio:
        _audio(folder, [labels[codec] for codec in audio], channels[-1]["channel"])
    return folder


def _rows(
    codec: str, label: str, channel: dict[str, Any], speaker: str, utterance: str, status: Status
) -> Iterator[Row]:
    spec, bits, frame_ms, _, quality, strength = CODECS[codec]
    generator = np.random.default_rng(list(f"{codec}{channel['channel']}{utterance}".encode()))
    weather = np.random.default_rng(list(f"{channel['channel']}{utterance}".encode()))
    asked = channel["loss"] if channel["loss"] is not None else TRACES.get(channel["channel"].partition("=")[2], 0.0)
    lost, frames = int(weather.binomial(300, asked)), 300
    share = lost / frames
    ratio = channel["burst_ratio"] or (1.0 if channel["family"] == "clean" else 1.6)
    drop = 1 - np.exp(-share * 9 * ratio**0.4 / strength)
    voice = 0.15 * np.sin(int(speaker) * 2.4)
    pesq = max(
        1.04,
        quality - (quality - 1.1) * drop + voice * (quality < 4.6) + generator.normal(0, 0.1) * (quality < 4.6),
    )
    base = Row(
        codec=label,
        codec_spec=spec,
        channel=channel["channel"],
        acoustics="",
        playout="fixed:buffer_ms=60",
        protection="none",
        concealment="native",
        header="ipv4_udp_rtp",
        mode="streaming",
        seed=0,
        dataset="read_speech",
        utterance=utterance,
        speaker=speaker,
        reference="clean",
        scorer="",
        name="",
        kind="value",
        value=None,
        numerator=None,
        denominator=None,
        unit="",
        status="ok",
        reason="",
        key=f"{crc32((codec + utterance).encode()):08x}",
    )

    scores = {
        "pesq_wb": pesq,
        "stoi": min(1.0, 0.6 + 0.4 * (pesq - 1) / 3.64),
        "si_sdr": 20 * (pesq - 1) / 3.64 - 8,
        "mel_distance": 9 - 1.8 * pesq,
    }
    for name, value in scores.items():
        fine = status == "ok"
        yield base._replace(
            scorer=name.partition("_")[0] if name != "si_sdr" else name,
            name=name,
            unit=str(VALUES[name]["unit"]),
            value=float(value) if fine else None,
            status=status,
            reason="" if fine else "the scorer died with signal 11",
        )
    packets, wire = 1000 / frame_ms, bits + 8 * 40 * 1000 / frame_ms
    link = {
        "net_bps": (bits * 6.0, 6.0),
        "payload_bps": (bits * 6.0, 6.0),
        "wire_bps": (wire * 6.0, 6.0),
        "loss_rate": (float(lost), float(frames)),
        "late_rate": (0.0, float(frames)),
        "residual_loss": (float(lost), float(frames)),
        "redundancy_bps": (0.0, 6.0),
        "latency_ms": (2 * frame_ms + 60, 1.0),
    }
    if lost:
        link["burst_ms"] = (lost * 20.0, max(1.0, round(lost / ratio)))
    if "opus" in codec:
        link["fec_share"] = (0.9 * 6 * packets if "fec" in spec else 0.0, 6 * packets)
    base = base._replace(scorer="link", reference="")
    for name, (above, below) in link.items():
        yield base._replace(name=name, value=above / below, numerator=above, denominator=below)
    if not lost:
        yield base._replace(name="burst_ms", status="not_applicable", reason="nothing was lost")


def _facts(labels: dict[str, str], channels: list[dict[str, Any]], speakers: int, per_speaker: int) -> dict[str, Any]:
    codecs = {label: _codec(codec) for codec, label in labels.items()}
    count = speakers * per_speaker
    return {
        "schema": 1,
        "name": "dropout",
        "title": "How codecs take packet loss",
        "started": "2026-01-29T14:03:00+00:00",
        "finished": "2026-01-29T14:12:11+00:00",
        "wall_seconds": 551.2,
        "command": "focalbench run dropout --data read_speech/manifest.csv --limit 40",
        "suite": {
            "name": "dropout",
            "codecs": {label: CODECS[c][0] for c, label in labels.items()},
            "metrics": ["pesq", "stoi"],
        },
        "data": [
            {
                "name": "read_speech",
                "manifest": "read_speech/manifest.csv",
                "utterances": count,
                "speakers": speakers,
                "seconds": 6.0 * count,
                "sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            },
        ],
        "codecs": codecs,
        "conditions": channels,
        "values": VALUES,
        "scorers": {"pesq": {"versions": {"pesq": "0.0.4"}, "fingerprint": "9b74c9897bac770f"}},
        "resampler": "soxr 0.5.0 VHQ",
        "alignment": "measured",
        "seeds": [0],
        "playout": {"buffer_ms": 60},
        "header": "ipv4_udp_rtp",
        "environment": {
            "cpu": "AMD EPYC",
            "cores": 2,
            "python": "3.11.2",
            "platform": "Linux",
            "packages": {"numpy": "2.4.0"},
            "focalbench": "0.1.0",
            "git": None,
        },
        "warnings": [],
        "effort": {
            "workers": 2,
            "wall_seconds": 540.0,
            "codec_seconds": 200.0,
            "metric_seconds": 800.0,
            "computed": 2400,
            "cached": 0,
        },
    }


def _codec(codec: str) -> dict[str, Any]:
    spec, _, frame_ms, lookahead_ms, _, _ = CODECS[codec]
    delay = {
        "measured_ms": lookahead_ms,
        "declared_ms": lookahead_ms,
        "method": "waveform",
        "correlation": 0.98,
        "agrees": True,
    }
    return {
        "spec": spec,
        "status": "ok",
        "reason": "",
        "rate_in": 16000,
        "rate_out": 16000,
        "frame_ms": frame_ms,
        "lookahead_ms": lookahead_ms,
        "streaming": True,
        "delay": delay,
        "identity": {"libopus": "1.5.2"},
        "fingerprint": "cf23df2207d99a74",
    }


def _audio(folder: Path, labels: Sequence[str], channel: str) -> None:
    (folder / "audio").mkdir()
    rate, signal = 16_000, speech_like(2.0)
    lost = [[0.4, 0.46], [1.2, 1.24]]
    damaged = signal.copy()
    for start, end in lost:
        damaged[int(start * rate) : int(end * rate)] = 0
    soundfile.write(folder / "audio/reference.flac", signal, rate)
    index = []
    for number, label in enumerate(labels):
        soundfile.write(folder / f"audio/clean{number}.flac", 0.9 * signal, rate)
        soundfile.write(folder / f"audio/degraded{number}.flac", 0.9 * damaged, rate)
        index.append(
            {
                "utterance": "000-0000",
                "speaker": "000",
                "transcript": "the birch canoe slid",
                "why": "chosen",
                "codec": label,
                "channel": channel,
                "protection": "none",
                "concealment": "native",
                "seed": 0,
                "reference": "audio/reference.flac",
                "clean": f"audio/clean{number}.flac",
                "degraded": f"audio/degraded{number}.flac",
                "lost": lost,
                "late": [[1.6, 1.62]],
                "values": {"pesq_wb": 2.31},
                "clean_values": {"pesq_wb": 4.05},
                "key": f"ab12cd34ef5{number}",
            }
        )
    (folder / "audio/index.json").write_text(json.dumps(index), encoding="utf-8")
