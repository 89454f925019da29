"""OpenAI's Whisper [Radford et al. 2022, arXiv 2212.04356] by the package openai-whisper, from a local file.

What it says is what the package's own ``transcribe`` says with ``temperature=0, without_timestamps=True,
condition_on_previous_text=False, fp16=False``: greedy, in windows of 30 s one after the other, nothing where it
finds no speech. Only that windows, of one file or several, are decoded together.
"""

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark import weights as checkpoints
from benchmark.recognisers import Recogniser, check_device, check_present, foreign
from benchmark.types import NotMeasured, Signal, Unavailable, UserError
from benchmark.versions import ABSENT, checksum, installed

SIZES = (
    *("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium"),
    *("large-v1", "large-v2", "large-v3", "large", "large-v3-turbo", "turbo"),
)
ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}
DEFAULT = "small"
BATCH = 8  # windows: one more costs less than one alone, as the decoder's weights are read once for all
# The package's own rule: nothing was said where the model deems that likelier than this, and is unsure of its words.
NO_SPEECH = 0.6  # probability
UNSURE = -1.0  # mean log-probability of a token


def versions(weights: str | None = None) -> dict[str, str]:
    """The libraries, and the checksum of the weights."""
    try:
        found = checksum(_path(weights or DEFAULT))
    except Unavailable:
        found = ABSENT
    return {**installed("openai-whisper", "torch"), "weights": found}


def make(weights: str | None, language: str, device: str) -> Recogniser:
    """The model of one of the `SIZES`."""
    check_device(device)
    if (size := weights or DEFAULT) not in SIZES:
        raise UserError(f"Whisper has no size {size!r}; weights= is one of {', '.join(SIZES)}.")
    return Whisper(size, device)


def source(size: str) -> str:
    """What `focalbench fetch` calls the weights of a size."""
    return f"whisper_{ALIASES.get(size, size)}".replace(".", "_").replace("-", "_")


def _path(size: str) -> Path:
    file = f"{ALIASES.get(size, size)}.pt"
    return checkpoints.folder(source(size), [file]) / file


class Whisper:
    """A checkpoint of the package's own format, on a device."""

    def __init__(self, size: str, device: str) -> None:
        self.size = size
        self.device = device

    @cached_property
    def _model(self) -> Any:
        path = _path(self.size)
        check_present(self.device)
        try:
            import whisper
        except ImportError as error:
            text = f"the recogniser whisper needs its library ({error}): pip install openai-whisper"
            raise Unavailable(text) from error
        try:
            return whisper.load_model(str(path), device=self.device)  # a path: by a size it would download
        except Exception as error:  # whatever a damaged file may raise
            raise UserError(f"{path} holds no Whisper model ({type(error).__name__}).") from error

    def transcribe(self, signals: Sequence[Signal], languages: Sequence[str]) -> list[str | NotMeasured]:
        known = self._languages()  # nothing is said of any signal where the model is missing
        says = "English only" if len(known) == 1 else f"{len(known)} languages"
        texts: list[str | NotMeasured] = [foreign(f"Whisper {self.size}", one, says) for one in languages]
        for language in sorted(known.intersection(languages)):
            places = [i for i, one in enumerate(languages) if one == language]
            for i, text in zip(places, self._texts([signals[i] for i in places], language), strict=True):
                texts[i] = text
        return texts

    def _languages(self) -> set[str]:
        model = self._model
        from whisper.tokenizer import LANGUAGES

        return set(list(LANGUAGES)[: model.num_languages]) if model.is_multilingual else {"en"}

    def _texts(self, signals: Sequence[Signal], language: str) -> list[str]:
        import torch
        from whisper import DecodingOptions, decode
        from whisper.tokenizer import get_tokenizer

        model = self._model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves the file of its vocabulary open
            tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages, language=language)
        options = DecodingOptions(language=language, temperature=0.0, without_timestamps=True, fp16=False)
        windows = [(i, window) for i, signal in enumerate(signals) for window in _windows(signal, model.dims.n_mels)]
        tokens: list[list[int]] = [[] for _ in signals]
        for start in range(0, len(windows), BATCH):
            owners, batch = zip(*windows[start : start + BATCH], strict=True)
            for i, result in zip(owners, decode(model, torch.stack(batch).to(self.device), options), strict=True):
                if result.no_speech_prob <= NO_SPEECH or result.avg_logprob > UNSURE:
                    tokens[i] += result.tokens
        return [tokenizer.decode(one).strip() for one in tokens]


def _windows(signal: Signal, bands: int) -> Iterator[Any]:
    """Log-mel spectra of 30 s each, shape (bands, 3000); behind the signal's end lies silence, then nothing."""
    import torch
    from whisper.audio import N_FRAMES, N_SAMPLES, log_mel_spectrogram, pad_or_trim

    spectra = log_mel_spectrogram(torch.tensor(signal), bands, padding=N_SAMPLES)
    for part in torch.split(spectra[:, :-N_FRAMES], N_FRAMES, dim=1):
        yield pad_or_trim(part, N_FRAMES)
