"""CMU PocketSphinx [Huggins-Daines et al. 2006, doi:10.1109/ICASSP.2006.1659988] with the model in its package.

US English, a trigram language model of 20 000 words and semi-continuous acoustic models: far weaker than today's
recognisers, hence sensitive to damage and to what is none (numbers in `benchmark.metrics.asr`), but here without any
download, and the same everywhere.
"""

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
    return PocketSphinx()


class PocketSphinx:
    """One decoder, with the settings it comes with, for all signals."""

    @cached_property
    def _decoder(self) -> Any:
        try:
            import pocketsphinx
        except ImportError as error:
            text = f"the recogniser pocketsphinx needs its library ({error}): pip install 'focalbench[asr]'"
            raise Unavailable(text) from error
        # All paths are given: by default a variable of the environment can lead to another model.
        model = Path(pocketsphinx.__file__).parent / "model" / "en-us"
        paths = {name: model / file for name, file in MODEL.items()}
        if lacking := next((path for path in paths.values() if not path.exists()), None):
            text = f"the recogniser pocketsphinx lacks {lacking}: pip install --force-reinstall 'focalbench[asr]'"
            raise Unavailable(text)
        given = {name: str(path) for name, path in paths.items()}
        return pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL", **given)

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        decoder = self._decoder  # nothing is said of any signal where it is missing
        return [
            _text(decoder, signal) if language == LANGUAGE else foreign("pocketsphinx", language, "English only")
            for signal, language in zip(signals, languages, strict=True)
        ]


def _text(decoder: Any, signal: Signal) -> str:
    # Its estimate of the noise lasts from one utterance into the next, and changed words there; it begins anew
    # with the features. The mean that cepstra are normalised by is the whole utterance's (full_utt).
    decoder.reinit_feat()
    samples = np.rint(signal.astype(np.float64) * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""
