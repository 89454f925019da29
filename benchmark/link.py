"""The facts of one transmission: bitrates, losses, bursts, bit errors, and the way from mouth to ear."""

from collections.abc import Iterator

from benchmark import bursts, emodel
from benchmark.latency import budget
from benchmark.packetise import HEADERS
from benchmark.plan import Trial, Work, facts
from benchmark.playout import late_packets
from benchmark.token_statistics import ERRORS
from benchmark.transmission import Transmission
from benchmark.types import LOST, SECOND, Booleans, Heard, Measured, NotMeasured, ValueInfo

LINK = "link"
G107 = "ITU-T G.107"
RFC3611 = "RFC 3611, 4.7.2, Gmin 16: lost or late packets"
LINK_VALUES = {
    "net_bps": ValueInfo("bit/s", "lower", "bits of all frames over the duration they cover"),
    "payload_bps": ValueInfo("bit/s", "lower", "bytes of all payloads, padding included"),
    "wire_bps": ValueInfo("bit/s", "lower", "payloads and headers of all packets"),
    "packet_rate": ValueInfo("1/s", "lower", "packets that are sent per second of media"),
    "redundancy_bps": ValueInfo("bit/s", "lower", "copies, parity, and the packets and headers they need, on the wire"),
    "loss_rate": ValueInfo("share", "lower", "packets that never arrive, of those sent"),
    "late_rate": ValueInfo("share", "lower", "packets that arrive after they are due, of those sent"),
    "residual_loss": ValueInfo(
        "share", "lower", "frames missing at the decoder, for all copies and parity, of those sent"
    ),
    "coarse_share": ValueInfo(
        "share", "lower", "frames of which the coarse part alone was there in time, of those sent in layers"
    ),
    "burst_ms": ValueInfo("ms", "lower", "mean length of a run of missing frames, lost or late"),
    "longest_burst_ms": ValueInfo("ms", "lower", "longest run of missing frames, lost or late"),
    "rfc3611_burst_density": ValueInfo("share", "lower", f"{RFC3611} within bursts, of the packets there"),
    "rfc3611_gap_density": ValueInfo("share", "lower", f"{RFC3611} within gaps, of the packets there"),
    "rfc3611_burst_ms": ValueInfo("ms", "lower", f"{RFC3611}; mean duration of a burst"),
    "rfc3611_gap_ms": ValueInfo("ms", "higher", f"{RFC3611}; mean duration of a gap"),
    "bit_error_rate": ValueInfo("share", "lower", "inverted bits, of all bits of frames and copies that arrive"),
    "fec_share": ValueInfo("share", "neither", "frames that carry in-band redundancy, read from their bits"),
    "latency_ms": ValueInfo(
        "ms",
        "lower",
        "from the capture of a group of frames until its first sample plays: the group itself, its packets and their "
        "pacing, copies, playout buffer, wait of the loss strategy, delay of the codec; computing and network apart",
    ),
    "capture_ms": ValueInfo("ms", "lower", "what the sound card takes, as the suite has it"),
    "codec_ms": ValueInfo("ms", "lower", "a group of frames, its look-ahead, and the delay of the output"),
    "packet_ms": ValueInfo("ms", "lower", "what bundles, pacing, copies and parity add"),
    "playout_ms": ValueInfo("ms", "lower", "mean wait in the playout buffer and for the loss strategy"),
    "network_ms": ValueInfo("ms", "lower", "what every packet takes at least"),
    "mouth_to_ear_ms": ValueInfo("ms", "lower", "capture, codec, packets, network and playout; computing is apart"),
    "delay_impairment": ValueInfo("R", "lower", f"Idd of {G107} for that delay; of the R-scale, whose top is 93.2"),
    "r_factor": ValueInfo("R", "higher", f"rating of {G107} (G.107.1) from values that the suite states as published"),
    "delay_ms": ValueInfo("ms", "neither", "delay that was removed before scoring"),
    "trace_wraps": ValueInfo("count", "neither", "how often a replayed trace began anew"),
    "snr_db": ValueInfo("dB", "neither", "of the input: speech by ITU-T P.56 unless said, noise by its power"),
    "input_gain_db": ValueInfo("dB", "neither", "by which speech and noise were scaled to stay within full scale"),
    "rt60_s": ValueInfo("s", "neither", "of the simulated room: Schroeder's integral, from -5 to -25 dB"),
    "clipped_share": ValueInfo("share", "neither", "samples of the input at full scale"),
    **ERRORS,
    "shift_ms": ValueInfo("ms", "neither", "by how much the input was made later"),
    "recovery_ms": ValueInfo(
        "ms",
        "lower",
        "from the end of a hole until the output is what it is without losses; holes with another one before that are "
        "left out",
    ),
    "window_mel_distance": ValueInfo("dB", "lower", "mel distance inside the holes and 100 ms behind them"),
    "worst_window_mel_distance": ValueInfo("dB", "lower", "the same, in the worst hole of the file"),
}


def link_facts(sent: Transmission, with_fec: int | None, trial: Trial, work: Work, heard: Heard) -> list[Measured]:
    """Bitrates, realised loss and bursts, share of frames `with_fec`, facts of the input, and the delays."""
    found = [*_rates(sent, work), *_losses(sent, trial), *_delays(sent, work)]
    if with_fec is not None:
        found.append(Measured.ratio("fec_share", with_fec, sum(bool(f.payload) for f in sent.frames)))
    if sent.fate.wraps:
        found.append(Measured("trace_wraps", float(sent.fate.wraps)))
    if sent.bits:
        found.append(Measured.ratio("bit_error_rate", sent.flipped, sent.bits))
    return found + [Measured(name, float(value)) for name, value in heard.facts.items()]


def _rates(sent: Transmission, work: Work) -> list[Measured]:
    frames, packets, header = sent.frames, sent.stream.packets, HEADERS[work.settings.header]
    seconds = sum(f.duration for f in frames) / SECOND
    payload = sum(p.payload_bytes for p in packets)
    headers = sum(p.header_bytes for p in packets)
    needed = sum(any(f.payload for f in p.frames) for p in packets) * header  # others go for copies or parity alone
    return [
        Measured.ratio("net_bps", sum(f.bits for f in frames), seconds),
        Measured.ratio("payload_bps", 8 * payload, seconds),
        Measured.ratio("wire_bps", 8 * (payload + headers), seconds),
        Measured.ratio("packet_rate", len(packets), seconds),
        Measured.ratio("redundancy_bps", 8 * (sum(p.redundant_bytes for p in packets) + headers - needed), seconds),
    ]


def _losses(sent: Transmission, trial: Trial) -> list[Measured]:
    frames, packets, missing = sent.frames, sent.stream.packets, sent.missing
    lost = sent.fate.delays == LOST
    late = int(late_packets(packets, sent.fate.delays, sent.playout.due).sum())
    found = [
        Measured.ratio("loss_rate", int(lost.sum()), len(packets)),
        Measured.ratio("late_rate", late, len(packets)),
        Measured.ratio("residual_loss", int(missing.sum()), sum(bool(f.payload) for f in frames)),
        *_coarse(sent),
        *_bursts(missing, frames[0].duration / 1e6),
    ]
    return found if trial.scene.channel.text == "clean" else [*found, *_rfc3611(sent)]


def _coarse(sent: Transmission) -> Iterator[Measured]:
    """Of frames that travel in layers, which were played from a part of their bits."""
    if sent.layered:
        yield Measured.ratio("coarse_share", sent.coarse, sum(bool(f.payload) for f in sent.frames))


def _bursts(missing: Booleans, frame_ms: float) -> Iterator[Measured]:
    runs = bursts.runs(missing)
    if not runs.longest:
        for name in ("burst_ms", "longest_burst_ms"):
            yield Measured(name, None, "not_applicable", "nothing was lost")
        return
    yield Measured.ratio("burst_ms", runs.mean.numerator * frame_ms, runs.mean.denominator)
    yield Measured("longest_burst_ms", runs.longest * frame_ms)


def _rfc3611(sent: Transmission) -> Iterator[Measured]:
    """Burst and gap statistics of the packets that never came or came too late; they are sent at equal distances."""
    packets, delays = sent.stream.packets, sent.fate.delays
    gone = (delays == LOST) | late_packets(packets, delays, sent.playout.due)
    frames = sent.frames
    interval = sum(f.duration for f in frames) / 1e6 / max(len(packets), 1)
    for name, (numerator, denominator) in bursts.burst_gap(gone, interval)._asdict().items():
        if denominator:
            yield Measured.ratio(f"rfc3611_{name}", numerator, denominator)
        else:
            yield Measured(f"rfc3611_{name}", None, "not_applicable", "the stream has none of these")


def _delays(sent: Transmission, work: Work) -> list[Measured]:
    """What is waited for, in parts; only a codec that streams has a latency."""
    info, delay = facts(work), work.subject.delay
    wait = float(sent.waits.mean())
    found = [
        Measured("delay_ms", 1000 * delay / info.rate_out),
        Measured.ratio("playout_ms", float(sent.waits.sum()) / 1e6, len(sent.waits)),
        Measured("network_ms", sent.fate.base / 1e6),
    ]
    try:
        parts = budget(info, delay, sent.stream.hold, wait, sent.fate.base, work.settings.capture_ms)
    except NotMeasured as error:
        names = ("latency_ms", "codec_ms", "packet_ms", "mouth_to_ear_ms", "delay_impairment")
        return found + [Measured(name, None, error.status, error.reason) for name in names]
    return [
        *found,
        Measured("latency_ms", parts.codec_ms + parts.packets_ms + parts.playout_ms),
        Measured("capture_ms", parts.capture_ms),
        Measured("codec_ms", parts.codec_ms),
        Measured("packet_ms", parts.packets_ms),
        Measured("mouth_to_ear_ms", parts.mouth_to_ear_ms),
        Measured("delay_impairment", emodel.delay_impairment(parts.mouth_to_ear_ms)),
        *_conversation(sent, work, parts.mouth_to_ear_ms),
    ]


def _conversation(sent: Transmission, work: Work, mouth_to_ear_ms: float) -> Iterator[Measured]:
    """The rating of ITU-T G.107, for codecs of which the suite says what is published; of no other."""
    if (stated := work.settings.emodel.get(work.subject.label)) is None:
        return
    equipment, band = emodel.read(stated)
    gone = sent.missing[[bool(frame.payload) for frame in sent.frames]]  # of those sent
    lost = float(gone.mean()) if len(gone) else 0.0
    burst_ratio = (bursts.runs(gone).mean.value or 1.0) * (1 - lost)  # G.107: over that of random losses
    try:
        costs = emodel.equipment_impairment(equipment.ie, equipment.bpl, lost, max(burst_ratio, 1.0))
    except NotMeasured as error:
        yield Measured("r_factor", None, error.status, error.reason)
        return
    yield Measured("r_factor", emodel.rating(emodel.delay_impairment(mouth_to_ear_ms), costs, band=band))
