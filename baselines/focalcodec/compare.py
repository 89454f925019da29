"""Runs our codec, and the public implementation where a checkout of it is given, side by side: equality and speed.

    python -m baselines.focalcodec.compare equal --reference DIR --audio FILE... [--small]
    python -m baselines.focalcodec.compare speed [--reference DIR] [--seconds 8] [--threads 2]

Both use the same seeded random weights, at full size unless --small is given. Speed is measured chunk by chunk in
turns, so that whatever else the machine does meets all alike; the ratios count. DIR is a checkout of
https://github.com/lucadellalib/focalcodec.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.focalcodec import checkpoint, config, model
from baselines.focalcodec.config import PRECISIONS
from benchmark import align, audio
from benchmark.seeds import generator

CONFIGS = {**config.STREAMING, **config.FULL_CONTEXT}
CLOSE = 1e-4  # a latent this near zero may fall on either side
WARM_UP = 5  # chunks
OFFLINE = 5  # rounds


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse and run one of the two commands."""
    parser = argparse.ArgumentParser("compare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["equal", "speed"])
    parser.add_argument("--reference", type=Path, help="a checkout of the public implementation")
    parser.add_argument("--audio", type=Path, nargs="+", default=[], help="speech, joined")
    parser.add_argument("--models", nargs="+", choices=list(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--small", action="store_true", help="the same structure, scaled down")
    parser.add_argument("--seconds", type=float, default=8.0, help="of audio for speed")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.command == "equal" and not (options.reference and options.audio):
        parser.error("equal needs --reference and --audio")
    if options.seconds < 1:
        parser.error(f"--seconds {options.seconds} must be 1 or more")
    torch.set_num_threads(options.threads)
    if options.command == "equal":
        equal(options)
    else:
        speed(options)


def reference(folder: Path, settings: config.Config, weights: checkpoint.Weights) -> Any:
    """The public implementation with these weights."""
    sys.path.insert(0, str(folder))
    from focalcodec import FocalCodec  # type: ignore[import-not-found]  # only where the user has put it

    built = FocalCodec(**json.loads(config.as_json(settings))).eval()
    built.load_state_dict(dict(weights))
    return built


def equal(options: argparse.Namespace) -> None:
    """One line per model: tokens and samples against the public implementation, chunks against the whole."""
    clips = [audio.read(path) for path in options.audio]
    at_rate = [align.resample(clip.signal, clip.rate, config.SAMPLE_RATE) for clip in clips]
    signal = torch.from_numpy(np.concatenate(at_rate))[None]
    print(f"{signal.shape[1] / config.SAMPLE_RATE:.2f} s of speech")
    for name in options.models:
        settings = config.small(CONFIGS[name]) if options.small else CONFIGS[name]
        weights = checkpoint.random(model.skeleton(settings).shapes(), 0)
        ours = model.load(settings, weights)
        with torch.inference_mode():
            print(name, _against(reference(options.reference, settings, weights), ours, signal), flush=True)
            if settings.causal:
                print(name, _chunks(ours, signal), flush=True)


def _against(public: Any, ours: model.FocalCodec, signal: Tensor) -> str:
    latents, mine = public.sig_to_lats(signal), ours.sig_to_lats(signal)
    tokens = public.lats_to_toks(latents)
    differ = tokens != ours.lats_to_toks(mine)
    close = (latents.abs() < CLOSE).any(-1)
    samples, found = public.toks_to_sig(tokens), ours.toks_to_sig(tokens)
    error = float((samples - found).abs().max() / samples.abs().max())
    return (
        f"tokens {tokens.numel()} (distinct {len(tokens.unique())}), differ {int(differ.sum())}, of which not within "
        f"{CLOSE} of zero {int((differ & ~close).sum())}; latents differ by {float((latents - mine).abs().max()):.1e}; "
        f"samples by {error:.1e} of the peak"
    )


def _chunks(ours: model.FocalCodec, signal: Tensor) -> str:
    whole = ours.sig_to_toks(signal)
    samples = ours.toks_to_sig(whole)
    texts = []
    for packets in (1, 2, 7):
        state, tokens, parts = ours.start(), [], []
        for chunk in signal.split(packets * ours.config.group * ours.config.hop_in, 1):
            tokens.append(ours.sig_to_toks(chunk, state))
            parts.append(ours.toks_to_sig(tokens[-1], state))
        differ = int((torch.cat(tokens, 1) != whole).sum())
        error = float((torch.cat(parts, 1) - samples).abs().max() / samples.abs().max())
        texts.append(f"{packets} packets a call: {differ} tokens differ, samples by {error:.1e} of the peak")
    return "; ".join(texts)


class Stream:
    """A streaming loop to be timed: a chunk in, its tokens and its sound out."""

    def __init__(self, step: Callable[[Tensor], Tensor], whole: Callable[[Tensor], Tensor]) -> None:
        self.step, self.whole = step, whole
        self.seconds: list[float] = []
        self.offline: list[float] = []

    def timed(self, chunk: Tensor, times: list[float], run: Callable[[Tensor], Tensor]) -> None:
        """Run and note the seconds."""
        start = time.perf_counter()
        run(chunk)
        times.append(time.perf_counter() - start)


def _public_stream(public: Any) -> Stream:
    states: list[Any] = [(), (), (), ()]

    def step(chunk: Tensor) -> Tensor:
        tokens, states[0], states[1] = public.sig_to_toks(chunk, states[0], states[1], return_state=True)
        out, states[2], states[3] = public.toks_to_sig(tokens, states[2], states[3], return_state=True)
        return out

    return Stream(step, lambda signal: public.toks_to_sig(public.sig_to_toks(signal)))


def _our_stream(codec: model.FocalCodec) -> Stream:
    state = codec.start()
    return Stream(
        lambda chunk: codec.toks_to_sig(codec.sig_to_toks(chunk, state), state),
        lambda signal: codec.toks_to_sig(codec.sig_to_toks(signal)),
    )


@torch.inference_mode()
def speed(options: argparse.Namespace) -> None:
    """A table: time per 80 ms chunk and for a whole signal, per precision, and the ratio to the first line."""
    settings = config.STREAMING["65k"]
    weights = checkpoint.random(model.skeleton(settings).shapes(), 0)
    makers: dict[str, Callable[[], Stream]] = {}
    if options.reference:
        makers["public"] = lambda: _public_stream(reference(options.reference, settings, weights))
    for precision in PRECISIONS:
        makers[precision] = partial(_make_ours, settings, weights, precision)
    streams = {name: make() for name, make in makers.items()}
    size = settings.group * settings.hop_in
    noise = generator(0, "speed").standard_normal((1, int(options.seconds * config.SAMPLE_RATE / size) * size))
    signal = torch.from_numpy(noise.astype(np.float32)) * 0.1
    for chunk in signal.split(size, 1):
        for stream in streams.values():
            stream.timed(chunk, stream.seconds, stream.step)
    for _ in range(OFFLINE):
        for stream in streams.values():
            stream.timed(signal, stream.offline, stream.whole)
    print(_table(streams, options))


def _make_ours(settings: config.Config, weights: checkpoint.Weights, precision: Any) -> Stream:
    return _our_stream(model.load(settings, weights, precision))


def _table(streams: dict[str, Stream], options: argparse.Namespace) -> str:
    lines = [f"{'':8} {'chunk ms p50':>12} {'p95':>7} {'p99':>7} {'ratio':>6} {'offline s':>10} {'ratio':>6}"]
    first = next(iter(streams.values()))
    for name, stream in streams.items():
        middle, high, higher = np.percentile(np.multiply(1000, stream.seconds[WARM_UP:]), [50, 95, 99])
        base = 1000 * np.median(first.seconds[WARM_UP:])
        whole, whole_base = np.median(stream.offline), np.median(first.offline)
        lines.append(
            f"{name:8} {middle:12.1f} {high:7.1f} {higher:7.1f} {middle / base:6.2f} "
            f"{whole:10.2f} {whole / whole_base:6.2f}"
        )
    lines.append(f"one stream, {options.threads} threads, {options.seconds:g} s of audio, 65k, random weights")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
