"""CMU PocketSphinx [Huggins-Daines et al. 2006, doi:10.1109/ICASSP.2006.1659988] with the model in its package.

US English, a trigram language model of 20 000 words and semi-continuous acoustic models: far weaker than today's
recognisers, hence more sensitive to damage, but here without any download, and the same everywhere.
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.recognisers import RATE, Recogniser, check_device, foreign
from benchmark.types import NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import installed

LANGUAGE = "en"
MODEL = {"hmm": "en-us", "lm": "en-us.lm.bin", "dict": "cmudict-en-us.dict"}  # in the package's folder model/en-us
FULL_SCALE = 32768


def versions(weights: str | None = None) -> dict[str, str]:
    """The package, which holds the model too."""
    return installed("pocketsphinx")


def make(weights: str | None, language: str, device: str) -> Recogniser:
    """It has but one model, and runs on the CPU wherever the others run."""
    check_device(device)
    if weights is not None:
        raise UserError(f"pocketsphinx takes no weights ({weights!r}): its model is in its package; leave them out.")
    spec = importlib.util.find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise Unavailable("the recogniser pocketsphinx needs its library: pip install 'focalbench[asr]'")
    return PocketSphinx(Path(spec.origin).parent / "model" / "en-us")


class PocketSphinx:
    """One decoder, with the settings it comes with, for all signals."""

    def __init__(self, model: Path) -> None:
        self.model = model

    @cached_property
    def _decoder(self) -> Any:
        from pocketsphinx import Decoder

        # All paths are given: by default a variable of the environment can lead to another model.
        paths = {name: str(self.model / file) for name, file in MODEL.items()}
        return Decoder(samprate=RATE, loglevel="FATAL", **paths)

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        return [
            self._text(signal) if language == LANGUAGE else foreign("pocketsphinx", language, "English only")
            for signal, language in zip(signals, languages, strict=True)
        ]

    def _text(self, signal: Signal) -> str:
        # Its estimate of the noise lasts from one utterance into the next, and changed words there; it begins anew
        # with the features. The mean that cepstra are normalised by is the whole utterance's (full_utt).
        self._decoder.reinit_feat()
        samples = np.rint(signal.astype(np.float64) * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""
