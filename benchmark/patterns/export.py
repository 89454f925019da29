"""Writes what a network does to packets, or to bits, as a file that other test benches read."""

from pathlib import Path

import numpy as np

from benchmark import bursts, seeds
from benchmark.channels._checks import number
from benchmark.patterns.files import FORMATS, check_format, encode_bit_errors, encode_losses
from benchmark.types import LOST, Booleans, Channel, Fate, UserError

MOST = 10_000_000  # packets: 55 hours of 20 ms, which take seconds


def write_pattern(channel: Channel, *, packets: int, packet_ms: float, seed: int, format: str, path: Path) -> str:
    """Draw a network at the instants ``packet_ms``, ``2 packet_ms``, ..., write it to `path`, and say what was drawn.

    Of a network that only inverts bits, a pattern of bit errors is written, and `packets` is their number.

    Args:
        channel: the network.
        packets: how many, at least 1.
        packet_ms: how far apart, ms.
        seed: of the draw; the same one gives the same file.
        format: one of `FORMATS`; delays fit ``csv`` only.
        path: the file.

    Raises:
        UserError: for a wrong argument, where the format cannot hold this, and where nothing can be written.
    """
    check_format("trace", format, FORMATS)
    number("trace", "packet_ms", packet_ms, 0.001, "a microsecond")
    if not isinstance(packets, int) or not 1 <= packets <= MOST:
        text = f"trace: packets={packets} must be a whole number from 1 to {MOST}"
        raise UserError(f"{text}; write 1000 for 20 s of 20 ms.")
    slot = round(packet_ms * 1e6)
    fate = channel.fate(slot * np.arange(1, packets + 1), _generator(seed))
    wrong = _bit_errors(channel, packets, seed)
    if not wrong.any():
        blob, said = encode_losses(slot, fate.delays, format), _losses(fate, slot)
        replay = f"trace:path={path},format={format}"
        replay += "" if format == "csv" or packet_ms == 20 else f",slot_ms={packet_ms:g}"
    elif fate.delays.any():
        raise UserError(
            "trace: a pattern holds losses and delays, or bit errors; write one for each part of the chain."
        )
    else:
        blob, said = encode_bit_errors(wrong, format), f"{packets} bits, {_share(wrong)} wrong{_runs(wrong, 'bits')}"
        replay = f"bit_errors:path={path},format={format}"
    try:
        path.write_bytes(blob)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}.") from error
    return f"{said}\nReplay it with {replay}"


def _generator(seed: int) -> np.random.Generator:
    return seeds.generator(seed, "channel", "pattern")


def _bit_errors(channel: Channel, bits: int, seed: int) -> Booleans:
    if (corrupt := getattr(channel, "corrupt", None)) is None:
        return np.zeros(0, bool)
    (payload,) = corrupt([bytes(-(-bits // 8))], [bits], _generator(seed))
    return np.unpackbits(np.frombuffer(payload, np.uint8), count=bits).astype(bool)


def _losses(fate: Fate, slot: int) -> str:
    lost, milliseconds = fate.delays == LOST, slot / 1e6
    said = f"{len(lost)} packets of {milliseconds:g} ms, {_share(lost)} lost{_runs(lost, 'packets')}"
    late = fate.delays[~lost]
    if late.any():
        said += f"; delays of {late.mean() / 1e6:.3g} ms in the mean, {late.max() / 1e6:.3g} ms at most"
    if fate.base:
        said += f"; the {fate.base / 1e6:g} ms that every packet takes are not in the file"
    return f"{said}\nRFC 3611, Gmin {bursts.GMIN}: {_burst_gap(lost, milliseconds)}"


def _burst_gap(lost: Booleans, milliseconds: float) -> str:
    found = bursts.burst_gap(lost, milliseconds)
    kinds = (("bursts", found.burst_ms, found.burst_density), ("gaps", found.gap_ms, found.gap_density))
    return "; ".join(
        f"{kind} of {long.value:.4g} ms in the mean with {100 * density.value:.3g} % lost"
        if long.value is not None and density.value is not None
        else f"no {kind}"
        for kind, long, density in kinds
    )


def _share(errors: Booleans) -> str:
    return f"{100 * errors.mean():.3g} %"


def _runs(errors: Booleans, unit: str) -> str:
    mean = bursts.runs(errors).mean.value
    return "" if mean is None else f" in runs of {mean:.3g} {unit} in the mean"
