"""What reaches a receiver as tokens, of one utterance through one codec, in every scene.

Tokens are learned from as they are sent: nothing is decoded, and nothing that is lost is concealed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmark import audio
from benchmark.bench import Bench
from benchmark.bits import Indices, unpack
from benchmark.hosts import Encoded
from benchmark.inputs import Inputs
from benchmark.lessons import Tokens
from benchmark.pipeline import frames_of, stream_of, transmitted, trials_of
from benchmark.plan import Trial, Work, facts
from benchmark.store import Store
from benchmark.token_statistics import stream
from benchmark.types import CodecInfo, NotMeasured, Slot


class Arrived(NamedTuple):
    """What arrived of one utterance in one trial, or why nothing can be said of it."""

    work: Work
    trial: Trial
    tokens: Tokens | NotMeasured


def arrived(work: Work, bench: Bench) -> list[Arrived]:
    """The tokens of an utterance in every trial; its frames come from the store, or go there."""
    store, trials = Store(work.cache), list(trials_of(work))
    try:
        if work.subject.status != "ok":
            raise NotMeasured(work.subject.status, work.subject.reason)
        inputs = Inputs(work, audio.read(work.utterance.path), bench)
    except NotMeasured as error:
        return [Arrived(work, trial, error) for trial in trials]
    return [Arrived(work, trial, _of_trial(inputs, trial, store)) for trial in trials]


def _of_trial(inputs: Inputs, trial: Trial, store: Store) -> Tokens | NotMeasured:
    try:
        heard = inputs.heard(trial.scene.acoustics, trial.seed)
        encoded = frames_of(inputs, heard, trial, store)
        packets = stream_of(inputs.work, encoded, trial.scene.protection)
        sent = transmitted(inputs, heard, encoded, packets, trial)
        return _tokens(encoded, sent.playout.slots, facts(inputs.work))
    except NotMeasured as error:
        return NotMeasured(error.status, error.reason)


def _tokens(encoded: Encoded, slots: Sequence[Slot], info: CodecInfo) -> Tokens:
    """The tokens of all slots; those of frames that are not there, or in which nothing was sent, count as lost.

    Raises:
        NotMeasured: ``too_short`` without any token; ``not_applicable`` where only a coarse part of a frame arrived.
    """
    assert info.token_bits is not None
    shape = stream(encoded.frames, info).tokens.shape[1:]
    indices: Indices = np.zeros((len(slots), *shape), np.int64)
    lost = np.array([not slot.payload for slot in slots], bool)
    for place, slot in enumerate(slots):
        if slot.payload:
            try:
                indices[place] = unpack(slot.payload, info.token_bits, shape)
            except ValueError as error:
                text = "a probe takes whole tokens, and of some frames the coarse part alone arrived"
                raise NotMeasured("not_applicable", f"{text} ({error})") from error
    if not indices.size:
        raise NotMeasured("too_short", "the codec made no token of it")
    return Tokens(indices.reshape(-1, info.codebooks), np.repeat(lost, shape[0]))
