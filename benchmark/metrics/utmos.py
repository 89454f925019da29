"""UTMOS: naturalness of speech, predicted from the output alone [Saeki et al., Interspeech 2022, arXiv 2204.02152].

It is the strong learner without phonemes, as SpeechMOS v1.2.0 publishes it (github.com/tarepan/SpeechMOS, MIT).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmark import weights
from benchmark.align import check_signal
from benchmark.nets.listening import check_device, need_device, one_by_one, weights_version
from benchmark.types import (
    Description,
    Known,
    Listener,
    NotMeasured,
    Result,
    Signal,
    Unavailable,
    Validity,
    ValueInfo,
)
from benchmark.versions import installed

if TYPE_CHECKING:
    from benchmark.nets.utmos22 import Utmos22

RATE = 16_000  # Hz
SHORTEST_S = 0.25  # the network would score a single frame of 25 ms; this is where PESQ ends
CHECKPOINT, FILE = "utmos22_strong", "utmos22_strong_step7459_v1.pt"
VALUES = {
    "utmos": ValueInfo(
        unit="MOS",
        better="higher",
        source="Saeki et al., Interspeech 2022, arXiv 2204.02152; strong learner, weights of SpeechMOS v1.2.0",
        rate=RATE,
        validity=Validity(
            loss="care",
            noise="care",
            generative="care",
            why="trained on synthetic speech without a channel, it saturates above about 4.1, rates smoothed speech of "
            "a low rate above the reference (FocalCodec at 12.5 Hz 4.22, its reference 4.09), and hears neither wrong "
            "words nor a wrong voice",
        ),
    )
}
NEEDS: tuple[str, ...] = ()


def versions() -> dict[str, str]:
    """The libraries that run the network, and the checksum of its weights."""
    return installed("torch", "transformers") | {"weights": weights_version(CHECKPOINT, FILE)}


class Utmos:
    """Listens to each output on its own, of 0.25 s or more; there is no upper limit, but memory grows with the length.

    The first layer normalises each channel over the whole signal: a gain hardly matters unless the signal is quiet.
    Polarity and a delay change the value, as nothing was trained to ignore them.

    Attributes:
        device: where the network runs.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device("utmos", device)
        self._network: Utmos22 | None = None

    @property
    def network(self) -> "Utmos22":
        """The network, which is loaded when it is first used."""
        if self._network is None:
            path = weights.folder(CHECKPOINT, (FILE,)) / FILE
            need_device("utmos", self.device)
            from benchmark.nets.utmos22 import load

            try:
                self._network = load(path).to(self.device)
            except ImportError as error:
                raise Unavailable("utmos needs transformers: pip install 'focalbench[hf]'") from error
        return self._network

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """The score of each signal at 16 kHz, a float.

        Raises:
            Unavailable: when the weights, transformers or the device are not here.
            UserError: when the file of weights is not that of this network.
        """
        if rate != RATE:
            raise ValueError(f"utmos: {rate} Hz; UTMOS is defined at {RATE} Hz.")
        network = self.network  # nothing is said of any signal where it is missing
        return one_by_one(lambda signal: self._score(network, signal), signals)

    def _score(self, network: "Utmos22", signal: Signal) -> float:
        import torch

        check_signal("utmos", signal)
        if len(signal) < SHORTEST_S * RATE:
            raise NotMeasured("too_short", f"{len(signal) / RATE:.3f} s; UTMOS is asked of {SHORTEST_S} s or more")
        with torch.inference_mode():
            return float(network(torch.tensor(signal, device=self.device)[None])[0])

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """`utmos`, a MOS of about 1 to 5, never cut to that range."""
        return {"utmos": degraded}


def make(device: str = "cpu") -> Listener:
    """The device is ``cpu`` or ``cuda``."""
    return Utmos(device)
