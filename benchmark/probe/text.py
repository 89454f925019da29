"""The examination as a short text for the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.probe.agreement import Agreement
from benchmark.probe.availability import Availability, ContentDelay
from benchmark.probe.causality import Causality
from benchmark.probe.declared import Claim, Sameness
from benchmark.probe.examination import Examination, Facts
from benchmark.probe.lookahead import Lookahead
from benchmark.probe.parts import Against, Buffering, Chunking, Footprint, Loss, Operations, Timing
from benchmark.probe.subject import Failed

SIDE = 15  # characters of the first column
WIDE = 24  # of the first column of a table of lines
COST = {
    "parameters": (1e6, "M parameters"),
    "macs_per_second": (1e9, "G multiply-accumulates per second of audio"),
    "state_bytes": (2**20, "MiB of state per call"),
}
CLAIMS = {
    "packets": "until a packet is out",
    "lookahead": "look-ahead, live",
    "causality": "the same, all at once",
    "content_delay": "content delay",
    "availability": "availability latency",
    "chunking": "pushed in chunks",
}
AGAIN = {
    "second_session": "a second session",
    "interleaved_sessions": "sessions that take turns",
    "second_process": "a second process",
}


def text(examination: Examination) -> str:
    """All parts, in the order in which they are read best."""
    if isinstance(examination.facts, Failed):
        return f"{examination.spec}\n{_failed('facts', examination.facts)}\n"
    lines = [examination.spec, *_facts(examination.facts), ""]
    for name, show in SHOWN.items():
        part = examination.parts.get(name)
        if isinstance(part, Failed):
            lines.append(_failed(name, part))
        elif part is not None:
            lines += show(part)
    return "".join(f"{line}\n" for line in lines)


def _row(name: str, *cells: str) -> str:
    return "  ".join([name.ljust(SIDE), *cells])


def _failed(name: str, failed: Failed) -> str:
    shown = {"lookahead": "look-ahead", "operations": "cost, counted"}.get(name, name.replace("_", " "))
    return _row(shown, f"not measured ({failed.status}): {failed.reason}")


def _facts(facts: Facts) -> Iterator[str]:
    bits = "a varying number of bits" if facts.frame_bits is None else f"{facts.frame_bits} bits"
    group = f", {facts.group_frames} of them together" if facts.group_frames > 1 else ""
    yield _row("rates", f"{facts.rate_in_hz} Hz in, {facts.rate_out_hz} Hz out")
    yield _row("frames", f"of {facts.frame_samples} samples, {facts.frame_ms:.4g} ms, {bits}{group}")
    declared = f"delay {facts.delay_ms:.4g} ms, look-ahead of the encoder {facts.declared_lookahead_samples} samples"
    yield _row("it declares", declared + ("" if facts.streaming else ", not streaming"))
    yield _row("identity", ", ".join(f"{key} {value}" for key, value in facts.identity.items()) or "none")


def _lookahead(found: Lookahead) -> Iterator[str]:
    samples, ms = f"{found.lookahead_samples:.6g}", f"{found.lookahead_ms:.4g}"
    what = "how far ahead of itself the output depends on the input"
    if found.at_least:
        what += "; at least, as it reaches through all of it that was tried"
    elif found.at_most_ms > found.lookahead_ms:
        what += f"; the search was given up, at most {found.at_most_ms:.4g} ms"
    yield _row("look-ahead", f"{samples:>6} samples", f"{ms:>6} ms", what)
    where = f"largest for a change at sample {found.phase_samples} of every {found.period_samples}"
    yield _row("", f"{where} ({found.positions} positions tried)")


def _buffering(found: Buffering) -> Iterator[str]:
    samples, ms = f"{found.buffering_samples:>6} samples", f"{found.buffering_ms:>6.4g} ms"
    yield _row("buffering", samples, ms, "how much is pushed before the first payload comes out")


def _causality(found: Causality) -> Iterator[str]:
    samples, ms = f"{found.reach_samples:>6.6g} samples", f"{found.reach_ms:>6.4g} ms"
    yield _row("all at once", samples, ms, f"at least, where everything is pushed at once ({found.positions} phases)")


def _content_delay(found: ContentDelay) -> Iterator[str]:
    how = f"by {found.method}, correlation {found.correlation:.2f}, median of {found.clips} clips"
    yield _row("content delay", " " * 14, f"{found.content_delay_ms:>6.4g} ms", how)


def _availability(found: Availability) -> Iterator[str]:
    waiting, delay = f"{found.waiting_ms:.4g} ms until it is there", f"{found.content_delay_ms:.4g} ms"
    kind = "declared delay" if found.delay_is == "declared" else "content delay"
    what = f"from speech to output: {waiting}, and {delay} {kind}"
    yield _row("availability", " " * 14, f"{found.availability_ms:>6.4g} ms", what)


def _declared(part: Mapping[str, Claim | Sameness | Failed]) -> Iterator[str]:
    columns = ("declared  ", "measured  ", "              ")
    lines = {CLAIMS[name]: row if isinstance(row, Failed) else _claim_cells(row) for name, row in part.items()}
    return _table("declared, measured", columns, lines)


def _claim_cells(row: Claim | Sameness) -> tuple[str, ...]:
    verdict = "agrees" if row.agrees else "DISAGREES"
    verdict += f": {row.remark}" if row.remark else ""
    if isinstance(row, Sameness):
        return "", "", verdict
    measured = "no end" if row.measured_ms is None else f"{row.measured_ms:.4g} ms"
    return f"{row.declared_ms:.4g} ms", measured, verdict


def _table(title: str, columns: Sequence[str], lines: Mapping[str, Sequence[str] | Failed]) -> Iterator[str]:
    yield ""
    yield "  ".join([title.ljust(WIDE), *columns])
    for name, cells in lines.items():
        head = f"  {name}".ljust(WIDE)
        if isinstance(cells, Failed):
            yield f"{head}  not measured ({cells.status}): {cells.reason}"
        else:
            padded = (cell.ljust(len(column)) for cell, column in zip(cells, columns, strict=True))
            yield "  ".join([head, *padded]).rstrip()


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.4g} %"


def _of_peak(difference: float) -> str:
    return "the same" if difference == 0 else f"{difference:.2g} of the peak"


def _streaming(part: Mapping[str, Chunking | Failed]) -> Iterator[str]:
    columns = ("frames equal", "bits equal", "output apart by  ", "decoder alone")
    lines = {
        f"{count} at a time": row
        if isinstance(row, Failed)
        else (
            _percent(row.frames_equal),
            _percent(row.bits_equal),
            _of_peak(row.output_difference),
            _of_peak(row.decoder_difference),
        )
        for count, row in part.items()
    }
    return _table("frames against offline", columns, lines)


def _determinism(part: Mapping[str, Agreement | Failed]) -> Iterator[str]:
    columns = ("frames equal", "bits equal", "output apart by")
    lines = {
        AGAIN[name]: row
        if isinstance(row, Failed)
        else (_percent(row.frames_equal), _percent(row.bits_equal), _of_peak(row.output_difference))
        for name, row in part.items()
    }
    return _table("the same again", columns, lines)


def _timing(found: Timing) -> Iterator[str]:
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    values = [f"{value:.4g} ms" for value in found[3:12]]
    lines = {name: values[3 * i : 3 * i + 3] for i, name in enumerate(("encoder", "decoder", "both"))}
    chunks = f"{found.chunks} chunks of {found.chunk_duration_ms:.4g} ms"
    yield from _table(f"time, {threads}", ("p50     ", "p95     ", f"p99       of {chunks}"), lines)
    says = "keeps up" if found.keeps_up else "does NOT keep up"
    limit = f"{says} with {found.chunk_duration_ms:.4g} ms at p95"
    yield f"  real-time factor {found.real_time_factor:.3g} ({limit})"
    yield f"  first audio {found.first_audio_ms:.4g} ms after the first sample was captured"


def _cost(part: Mapping[str, float]) -> Iterator[str]:
    yield ""
    said = [f"{value / COST[name][0]:.4g} {COST[name][1]}" for name, value in part.items()]
    yield _row("cost, as said", ", ".join(said) or "nothing")


def _operations(found: Operations) -> Iterator[str]:
    scale, words = COST["macs_per_second"]
    yield _row("cost, counted", f"{found.macs_per_second / scale:.4g} {words}, by torch in {found.seconds:.4g} s of it")


def _memory(found: Footprint) -> Iterator[str]:
    loaded, before = f"{found.memory_loaded_mib:.4g} MiB once loaded", f"{found.memory_before_mib:.4g} before"
    yield _row("memory", f"{found.memory_peak_mib:.4g} MiB at its peak, {loaded}, {before}")


def _loss(part: Mapping[str, Loss | Failed]) -> Iterator[str]:
    columns = ("recovered after", "places", "50 % gone", "90 % gone", "waits for")
    lines = {name: row if isinstance(row, Failed) else _loss_cells(row) for name, row in part.items()}
    return _table("one lost frame", columns, lines)


def _loss_cells(row: Loss) -> tuple[str, ...]:
    recovery = "not seen" if row.recovery_ms is None else f"{row.recovery_ms:.4g} ms"
    waits = {0: "-", 1: "1 frame"}.get(row.waits_frames, f"{row.waits_frames} frames")
    gone = (f"{row.decay_50_ms:.4g} ms", f"{row.decay_90_ms:.4g} ms")
    return recovery, f"{row.recovered_places} of {row.places}", *gone, waits


def _against(found: Against) -> Iterator[str]:
    columns = ("frames equal", "tokens equal", "bits equal", "output apart by  ", "signal to difference")
    tokens = "-" if found.tokens_equal is None else _percent(found.tokens_equal)
    shares = _percent(found.frames_equal), tokens, _percent(found.bits_equal)
    lines = {
        "each its own frames": (*shares, _of_peak(found.own_frames_difference), _decibel(found.own_frames_db)),
        "both the other's": ("", "", "", _of_peak(found.same_frames_difference), _decibel(found.same_frames_db)),
    }
    yield from _table("against", columns, lines)
    yield f"  the other: {found.against}"


def _decibel(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g} dB"


SHOWN: Mapping[str, Any] = {
    "lookahead": _lookahead,
    "causality": _causality,
    "buffering": _buffering,
    "content_delay": _content_delay,
    "availability": _availability,
    "declared": _declared,
    "streaming": _streaming,
    "determinism": _determinism,
    "timing": _timing,
    "cost": _cost,
    "operations": _operations,
    "memory": _memory,
    "loss": _loss,
    "against": _against,
}
