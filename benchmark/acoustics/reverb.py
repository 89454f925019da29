"""A room by its measured impulse response; its direct sound, the largest peak, is at time 0."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark import audio
from benchmark.acoustics._checks import long_enough
from benchmark.acoustics._response import reverberant
from benchmark.align import resample
from benchmark.types import Heard, NotMeasured, UserError

FILES = ("path",)  # parameters that name files: looked up and hashed before any work


class Reverb:
    """The room in which the response of the audio file `path` was measured."""

    point = None

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        try:
            self.response = audio.read(self.path)
        except NotMeasured as error:
            raise UserError(f"reverb: {error.reason}; give the impulse response of a room as an audio file.") from error
        if self.response.channels != 1:
            text = f"{self.path.name} has {self.response.channels} channels, whose mean is no room"
            raise UserError(f"reverb: {text}; write one of them as a file.")
        if not self.response.signal.any():
            raise UserError(f"reverb: {self.path.name} is silent; give the impulse response of a room.")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"room {self.path.stem}"

    @property
    def files(self) -> Sequence[Path]:
        """The response."""
        return (self.path,)

    def apply(self, heard: Heard, rate: int, generator: np.random.Generator) -> Heard:
        """Convolve; as long as before, without delay."""
        long_enough("reverb", heard.signal, rate)
        response = resample(self.response.signal, self.response.rate, rate)
        return reverberant(heard, response, int(np.abs(response).argmax()), rate)


make = Reverb
