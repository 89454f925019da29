"""Wav2vec 2.0 [Baevski et al. 2020, arXiv 2006.11477] and its kin with a CTC head, through transformers.

The likeliest token of each frame, repetitions and blanks removed, no language model: what is written is what was
heard. Signals are never padded to a common length, as in models with group norm padding changes the words; each
goes alone, whole, so that memory grows with its length.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark import weights as checkpoints
from benchmark.recognisers import RATE, Recogniser, check_device, check_present, foreign
from benchmark.types import NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT, checksum, installed

DEFAULT = "wav2vec2_base_960h"
FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json", "vocab.json")
UNUSED = "masked_spec_embed"  # only in training; without the rest, transformers would make weights up


def versions(weights: str | None = None) -> dict[str, str]:
    """The libraries, and the checksums of all that decides the text."""
    try:
        place = checkpoints.folder(weights or DEFAULT, FILES)
        sums = {file: checksum(place / file) for file in FILES}
    except Unavailable:
        sums = {"weights": ABSENT}
    return {**installed("transformers", "torch"), **sums}


def make(weights: str | None, language: str, device: str) -> Recogniser:
    """The model in a folder under the data root, or anywhere; it knows one `language`, which its files do not name."""
    check_device(device)
    return Ctc(weights or DEFAULT, language, device)


class Ctc:
    """A checkpoint of transformers' format, on a device."""

    def __init__(self, weights: str, language: str, device: str) -> None:
        self.weights = weights
        self.language = language
        self.device = device

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        folder = checkpoints.folder(self.weights, FILES)
        import torch

        from benchmark.compat import allow_cpu_torchaudio

        check_present(self.device)
        allow_cpu_torchaudio()
        try:
            from transformers import AutoModelForCTC, Wav2Vec2Processor
        except ImportError as error:
            text = f"the recogniser ctc needs transformers ({error}): pip install 'focalbench[hf]'"
            raise Unavailable(text) from error
        settings = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        try:
            with _no_progress():
                processor = Wav2Vec2Processor.from_pretrained(folder, local_files_only=True)
                model, found = AutoModelForCTC.from_pretrained(folder, local_files_only=True, **settings)
        except Exception as error:  # whatever a damaged file may raise
            raise UserError(f"{folder} holds no CTC model for transformers ({type(error).__name__}).") from error
        if lacking := sorted(name for name in found["missing_keys"] if not name.endswith(UNUSED)):
            raise UserError(f"{folder} holds no CTC model: it lacks {', '.join(lacking[:3])}.")
        return processor, model.eval().to(self.device)

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        processor, model = self._loaded  # nothing is said of any signal where it is missing
        name, known = f"the model {Path(self.weights).name}", f"{self.language!r} only"
        return [
            self._text(processor, model, signal) if language == self.language else foreign(name, language, known)
            for signal, language in zip(signals, languages, strict=True)
        ]

    def _text(self, processor: Any, model: Any, signal: Signal) -> str:
        import torch

        inputs = processor(signal, sampling_rate=RATE, return_tensors="pt").input_values
        with torch.inference_mode():
            tokens = model(inputs.to(self.device)).logits.argmax(dim=-1)
        text: str = processor.batch_decode(tokens)[0]
        return text


@contextmanager
def _no_progress() -> Iterator[None]:
    """Weights are loaded without a bar."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
