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
VALUES |= {
    "late_rate": {"unit": "share", "better": "lower", "source": "packets that arrive after they are due"},
    "capture_ms": {"unit": "ms", "better": "lower", "source": "what the sound card takes"},
    "codec_ms": {"unit": "ms", "better": "lower", "source": "frames, look-ahead and delay"},
    "packet_ms": {"unit": "ms", "better": "lower", "source": "what packets add"},
    "playout_ms": {"unit": "ms", "better": "lower", "source": "mean wait of the playout buffer"},
    "network_ms": {"unit": "ms", "better": "lower", "source": "what every packet takes at least"},
    "mouth_to_ear_ms": {"unit": "ms", "better": "lower", "source": "all of these"},
    "delay_impairment": {"unit": "R", "better": "lower", "source": "Idd of ITU-T G.107"},
    "snr_db": {"unit": "dB", "better": "neither", "source": "of the input"},
    "input_gain_db": {"unit": "dB", "better": "neither", "source": "speech and noise scaled"},
    "longest_burst_ms": {"unit": "ms", "better": "lower", "source": "longest run of missing frames"},
    **{
        f"rfc3611_{name}": {"unit": unit, "better": "lower", "source": "RFC 3611"}
        for name, unit in {"burst_density": "share", "gap_density": "share", "burst_ms": "ms", "gap_ms": "ms"}.items()
    },
    "declared_latency_ms": {"unit": "ms", "better": "lower", "source": "what the codec declares"},
    "availability_ms": {"unit": "ms", "better": "lower", "source": "until a sample can be heard"},
    "content_delay_ms": {"unit": "ms", "better": "lower", "source": "by what the output trails"},
    "buffering_ms": {"unit": "ms", "better": "lower", "source": "until it comes out"},
    "lookahead_reach_ms": {"unit": "ms", "better": "lower", "source": "how far ahead it hears"},
    "first_audio_ms": {"unit": "ms", "better": "lower", "source": "until the first sample"},
    "encode_packet_ms_p50": {"unit": "ms", "better": "lower", "source": "encoding a packet"},
    "encode_packet_ms_p95": {"unit": "ms", "better": "lower", "source": "encoding a packet"},
    "decode_packet_ms_p50": {"unit": "ms", "better": "lower", "source": "decoding a packet"},
    "decode_packet_ms_p95": {"unit": "ms", "better": "lower", "source": "decoding a packet"},
    "peak_memory_mib": {"unit": "MiB", "better": "lower", "source": "of the codec's process"},
}
FEW = ("opus-24k", "opus-6k", "codec2-3200")  # codecs of the runs below
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


# --- Runs along the other axes ---


def make_noise_run(folder: Path, ratios: Sequence[float] = (20, 15, 10, 5, 0)) -> Path:
    """Two noises at several ratios and none; scores against clean speech and against the input, and uncoded."""
    rooms = [_room("clean", "clean", None)]
    for kind in ("white", "babble"):
        rooms += [
            _room(f"noise:kind={kind},snr={snr:g}", f"{kind} noise, {snr:g} dB SNR", (f"{kind} noise", "dB SNR", snr))
            for snr in ratios
        ]
    rows = [row for codec in FEW for room in rooms for place in _people() for row in _noisy(codec, room, *place)]
    rows += [row for room in rooms[1:] for place in _people() for row in _noisy("uncoded", room, *place)]
    title = "What codecs make of noise"
    return _save(folder, rows, {"name": "noise", "title": title, "acoustics": rooms, "playouts": [_buffer(60)]})


def make_files_run(folder: Path) -> Path:
    """Files that came from somewhere, as `focalbench score` leaves them: no codec is known, and no network."""
    nothing = {"channel": "files", "acoustics": "files", "playout": "none", "protection": "none"}
    nothing |= {"concealment": "none", "header": "none", "mode": "offline"}
    rows = [
        row._replace(codec="deg", codec_spec="files", **nothing)
        for speaker in range(3)
        for utterance in range(2)
        for row in _scored(_base("opus-6k", f"{speaker:03d}", f"{speaker:03d}-{utterance}"), 3.0 + 0.1 * speaker)
    ]
    channel = {"channel": "files", "title": "files as they are", "family": "files", "loss": None, "burst_ratio": None}
    about = {"deg": {"spec": "/tmp/deg", "status": "ok", "reason": ""}}
    more = {"name": "score", "conditions": [channel], "acoustics": [], "playouts": [], "codecs": about, "warnings": []}
    return _save(folder, rows, more)


def make_tandem_run(folder: Path) -> Path:
    """One to five codings in a row, by the codec itself."""
    rooms = [_room("clean", "clean", None)]
    rooms += [
        _room(f"tandem:generations={n}", f"generation {n}", ("tandem", "generations", float(n))) for n in (2, 3, 5)
    ]
    rows = [row for codec in FEW for room in rooms for place in _people() for row in _again(codec, room, *place)]
    title = "What codecs do to what they coded before"
    return _save(folder, rows, {"name": "tandem", "title": title, "acoustics": rooms, "playouts": [_buffer(60)]})


def make_jitter_run(folder: Path) -> Path:
    """Three networks that delay packets, under fixed and adaptive playout buffers."""
    channels = [
        {"channel": text, "title": title, "family": family, "loss": None, "burst_ratio": None, "point": None}
        for text, title, family in (
            ("gamma:mean_ms=25", "gamma delays, mean 25 ms", "gamma"),
            ("spikes:every_s=2", "spikes every 2 s", "spikes"),
            ("trace:path=lte.csv", "trace lte", "trace"),
        )
    ]
    buffers = [*map(_buffer, (20, 40, 60, 100, 150))]
    buffers += [
        {"playout": text, "title": title, "family": text.partition(":")[0], "point": None, "identity": text}
        for text, title in (("quantile:q=0.95", "quantile 95 %"), ("talkspurt", "per talkspurt"))
    ]
    rows = [
        row
        for codec in FEW
        for channel in channels
        for buffer in buffers
        for place in _people()
        for row in _delayed(codec, channel, buffer, *place)
    ]
    title = "What playout buffers make of jitter"
    return _save(
        folder,
        rows,
        {
            "name": "jitter",
            "title": title,
            "conditions": channels,
            "playouts": buffers,
            "acoustics": [_room("clean", "clean", None)],
        },
    )


def make_latency_run(folder: Path) -> Path:
    """Three codecs examined alone, one of which waits longer than it declares, on two networks."""
    channels = [
        {"channel": "clean", "title": "clean", "family": "clean", "loss": 0.0, "burst_ratio": None, "point": None},
        {
            "channel": "constant:base_ms=90",
            "title": "90 ms away",
            "family": "constant",
            "loss": None,
            "burst_ratio": None,
            "point": None,
        },
    ]
    rows = [
        row
        for codec in FEW
        for channel in channels
        for place in _people()
        for row in _delayed(codec, channel, _buffer(60), *place)
    ]
    for codec in FEW:
        frame, lookahead = CODECS[codec][2:4]
        declared = frame + lookahead
        waits = frame + (12.0 if codec == "codec2-3200" else 0.0)
        found = {
            "declared_latency_ms": declared,
            "buffering_ms": waits,
            "content_delay_ms": lookahead,
            "availability_ms": waits + lookahead,
            "lookahead_reach_ms": declared - 0.1,
            "first_audio_ms": waits,
            "encode_packet_ms_p50": 0.4,
            "encode_packet_ms_p95": 9.0,
            "decode_packet_ms_p50": 0.1,
            "decode_packet_ms_p95": 4.0,
            "peak_memory_mib": 48.0,
        }
        base = _base(codec)._replace(
            scorer="probe", dataset="probe", acoustics="", playout="", channel="", reference=""
        )
        rows += [base._replace(name=n, unit=str(VALUES[n]["unit"]), value=v) for n, v in found.items()]
    title = "How long codecs keep a listener waiting"
    clean = [_room("clean", "clean", None)]
    return _save(
        folder,
        rows,
        {"name": "latency", "title": title, "conditions": channels, "playouts": [_buffer(60)], "acoustics": clean},
    )


def _people() -> list[tuple[str, str]]:
    return [(f"{speaker:03d}", f"{speaker:03d}-{utterance:04d}") for speaker in range(10) for utterance in range(2)]


def _room(text: str, title: str, point: tuple[str, str, float] | None) -> dict[str, Any]:
    placed = None if point is None else dict(zip(("curve", "unit", "x"), point, strict=True))
    return {"acoustics": text, "title": title, "family": text.partition(":")[0], "point": placed, "identity": text}


def _buffer(depth: float) -> dict[str, Any]:
    point = {"curve": "fixed buffer", "unit": "ms", "x": float(depth)}
    text = f"fixed:buffer_ms={depth:g}"
    return {"playout": text, "title": f"{depth:g} ms buffer", "family": "fixed", "point": point, "identity": text}


def _base(codec: str, speaker: str = "", utterance: str = "") -> Row:
    return Row(
        codec=codec,
        codec_spec="pcm" if codec == "uncoded" else CODECS[codec][0],
        channel="clean",
        acoustics="clean",
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


def _scored(base: Row, pesq: float) -> Iterator[Row]:
    pesq = min(max(pesq, 1.04), 4.64)
    for name, scorer, value in (("pesq_wb", "pesq", pesq), ("stoi", "stoi", 0.6 + 0.4 * (pesq - 1) / 3.64)):
        yield base._replace(scorer=scorer, name=name, unit=str(VALUES[name]["unit"]), value=float(value))


def _linked(base: Row, codec: str, **more: float) -> Iterator[Row]:
    """What the link tells in every trial, and `more`; of what is late or lost, the share."""
    _, bits, frame, lookahead, *_ = CODECS[codec]
    values = {
        "net_bps": bits,
        "wire_bps": bits + 8 * 40 * 1000 / frame,
        "late_rate": 0.0,
        "residual_loss": 0.0,
        "loss_rate": 0.0,
    }
    values |= {
        "capture_ms": 10.0,
        "codec_ms": frame + lookahead,
        "packet_ms": 0.0,
        "playout_ms": 60.0,
        "network_ms": 0.0,
    }
    values |= more
    values["mouth_to_ear_ms"] = sum(
        values[n] for n in ("capture_ms", "codec_ms", "packet_ms", "playout_ms", "network_ms")
    )
    values["latency_ms"] = values["codec_ms"] + values["playout_ms"]
    values["delay_impairment"] = max(0.0, (values["mouth_to_ear_ms"] - 150) / 16)
    base = base._replace(scorer="link", reference="")
    for name, value in values.items():
        parts = (300 * value, 300.0) if name.endswith(("_rate", "_loss")) else (None, None)
        yield base._replace(
            name=name, value=float(value), numerator=parts[0], denominator=parts[1], unit=str(VALUES[name]["unit"])
        )


def _luck(*words: str) -> np.random.Generator:
    return np.random.default_rng(list("".join(words).encode()))


def _noisy(codec: str, room: dict[str, Any], speaker: str, utterance: str) -> Iterator[Row]:
    base = _base(codec, speaker, utterance)._replace(acoustics=room["acoustics"])
    quality = 4.5 if codec == "uncoded" else CODECS[codec][4]
    voice = 0.12 * np.sin(int(speaker) * 2.4) + _luck(room["acoustics"], utterance).normal(0, 0.08)
    if room["point"] is None:
        yield from _scored(base, quality + voice)
        yield from _linked(base, codec)
        return
    harder = 4.0 if "babble" in room["acoustics"] else 0.0
    kept = 1 / (1 + np.exp(-(room["point"]["x"] - 14 + harder) / 5))
    better = 0.15 if codec == "opus-24k" else 0.0  # it takes some of the noise away
    coded = _luck(codec, room["acoustics"], utterance).normal(0, 0.06)
    yield from _scored(base, 1.05 + better + (quality - 1.05) * kept + voice + coded)
    if codec != "uncoded":
        yield from _scored(base._replace(reference="input"), quality - 0.9 * (1 - kept) + voice)
        yield from _linked(base, codec, snr_db=room["point"]["x"] + 0.02, input_gain_db=-1.5)


def _again(codec: str, room: dict[str, Any], speaker: str, utterance: str) -> Iterator[Row]:
    generations = 1 if room["point"] is None else room["point"]["x"]
    base = _base(codec, speaker, utterance)._replace(acoustics=room["acoustics"])
    voice = 0.12 * np.sin(int(speaker) * 2.4) + _luck(codec, utterance).normal(0, 0.05)
    yield from _scored(base, 1.05 + (CODECS[codec][4] - 1.05) * 0.8 ** (generations - 1) + voice)
    if room["point"] is not None:
        yield from _scored(base._replace(reference="input"), CODECS[codec][4] + 0.1 * generations + voice)
    yield from _linked(base, codec)


DELAYS = {
    "gamma": (25.0, 0.0),
    "spikes": (45.0, 0.01),
    "trace": (14.0, 0.04),
    "clean": (1e-3, 0.0),
    "constant": (1e-3, 0.0),
}


def _delayed(
    codec: str, channel: dict[str, Any], buffer: dict[str, Any], speaker: str, utterance: str
) -> Iterator[Row]:
    base = _base(codec, speaker, utterance)._replace(channel=channel["channel"], playout=buffer["playout"])
    scale, lost = DELAYS[channel["family"]]
    luck = _luck(channel["channel"], utterance)  # the same for all codecs
    wait = (
        buffer["point"]["x"]
        if buffer["point"]
        else (2.6 if buffer["family"] == "quantile" else 3.4) * scale + luck.normal(0, 2)
    )
    late = min(1.0, float(np.exp(-wait / scale) * (1 + 0.1 * luck.normal())))
    late += 0.01 * (codec == "codec2-3200") * late
    far = 90.0 if channel["family"] == "constant" else 0.0
    yield from _scored(
        base, CODECS[codec][4] * (1 - 0.7 * min(1.0, 6 * (late + lost))) + 0.1 * np.sin(int(speaker) * 2.4)
    )
    yield from _linked(
        base, codec, playout_ms=wait, late_rate=late, loss_rate=lost, residual_loss=late + lost, network_ms=far
    )
    if channel["family"] == "clean":
        return
    bursts = {
        "rfc3611_burst_density": 0.4,
        "rfc3611_gap_density": late / 5,
        "rfc3611_burst_ms": 320.0,
        "rfc3611_gap_ms": 4_100.0,
    }
    bursts |= {"burst_ms": 31.0, "longest_burst_ms": 120.0}
    base = base._replace(scorer="link", reference="")
    yield from (base._replace(name=n, value=v, unit=str(VALUES[n]["unit"])) for n, v in bursts.items())


def _save(folder: Path, rows: Sequence[Row], more: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write(frame(rows), folder / "results.parquet")
    stated = _facts({codec: codec for codec in FEW}, conditions()[:1], speakers=10, per_speaker=2) | more
    del stated["playout"]
    (folder / "run.json").write_text(json.dumps(stated), encoding="utf-8")
    return folder
