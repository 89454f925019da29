"""NISQA v2: quality of transmitted speech and four dimensions of it, predicted from the output alone.

[Mittag, Naderi, Chehadi, Möller, Interspeech 2021, arXiv 2104.09494; github.com/gabrielmittag/NISQA, code MIT]. Its
weights are CC BY-NC-SA 4.0: not for commercial use, and whoever passes them on does so under the same licence.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
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
    from benchmark.nets.nisqa import Nisqa

RATE = 48_000  # Hz
CHECKPOINT, FILE = "nisqa_v2", "nisqa.tar"
SOURCE = "Mittag et al., Interspeech 2021, arXiv 2104.09494; weights nisqa.tar, CC BY-NC-SA 4.0"
VALIDITY = Validity(
    loss="care",
    noise="yes",
    generative="care",
    why="trained on telephony with codecs, noise and loss, none of it by generative codecs; on concealed loss it "
    "correlates with listeners by systems at 0.81 where PLCMOS does at 0.97; its weights must not be used commercially",
)
NAMES = ("nisqa_mos", "nisqa_noisiness", "nisqa_discontinuity", "nisqa_coloration", "nisqa_loudness")  # its own order
VALUES = {name: ValueInfo(unit="MOS", better="higher", source=SOURCE, rate=RATE, validity=VALIDITY) for name in NAMES}
NEEDS: tuple[str, ...] = ()


def versions() -> dict[str, str]:
    """The libraries that make the spectrogram and run the network, and the checksum of its weights."""
    return installed("librosa", "torch") | {"weights": weights_version(CHECKPOINT, FILE)}


class NisqaListener:
    """Listens to each output on its own, of 0.14 s (one segment) to 52 s (1300 segments), as published.

    Its authors advise 6 to 12 s. The level counts, loudness being one of the dimensions; polarity does not; a delay
    does as far as the silence before the speech is heard.

    A signal of 16 kHz that comes here at 48 kHz has nothing above 8 kHz. Of the 48 mel bands, which reach 20 kHz, the
    upper ones are at the floor: a narrow band is a property of the signal, which NISQA knows from its training (at
    48 kHz, much of it band-limited), and which costs it coloration, be it of a reference. The published command takes
    a file at its own rate instead; there the bands above 8 kHz are empty too, and all differ by less than 0.1 dB but
    the two at 8 kHz, where a resampler has its edge. On the demo corpus the values are, at 48 kHz, higher by 0.07
    (MOS) on average and 0.31 at most, where the speech is strong up to 8 kHz; on some voices by less than 0.01.

    Attributes:
        device: where the network runs.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = check_device("nisqa", device)
        self._network: Nisqa | None = None

    @property
    def network(self) -> "Nisqa":
        """The network, which is loaded when it is first used."""
        if self._network is None:
            path = weights.folder(CHECKPOINT, (FILE,)) / FILE
            need_device("nisqa", self.device)
            from benchmark.nets.nisqa import load

            if find_spec("librosa") is None:
                raise Unavailable("nisqa needs librosa: pip install 'focalbench[mos]'")
            self._network = load(path).to(self.device)
        return self._network

    def describe(
        self, signals: Sequence[Signal], rate: int, labels: Sequence[Mapping[str, str]]
    ) -> list[Description | NotMeasured]:
        """The five scores of each signal at 48 kHz, floats by name.

        Raises:
            Unavailable: when the weights, librosa or the device are not here.
            UserError: when the file of weights is not that of this network.
        """
        if rate != RATE:
            raise ValueError(f"nisqa: {rate} Hz; signals are due at {RATE} Hz.")
        network = self.network  # nothing is said of any signal where it is missing
        return one_by_one(lambda signal: self._scores(network, signal), signals)

    def _scores(self, network: "Nisqa", signal: Signal) -> dict[str, float]:
        import torch

        from benchmark.nets.nisqa import FLOOR_DB

        check_signal("nisqa", signal)
        segments, most = network.count(len(signal), RATE), network.settings.ms_max_segments
        if not segments:
            raise NotMeasured("too_short", f"{len(signal) / RATE:.3f} s; NISQA needs {network.shortest_s:.2f} s")
        if segments > most:
            reason = f"{len(signal) / RATE:.1f} s are {segments} segments; NISQA takes at most {most}; cut it"
            raise NotMeasured("not_applicable", reason)
        heard = network.segments(signal, RATE)
        if heard.max() <= FLOOR_DB:
            raise NotMeasured("no_speech", f"all of the signal is below NISQA's floor of {FLOOR_DB:.0f} dB")
        with torch.inference_mode():
            scores = network(heard.to(self.device)).tolist()
        return dict(zip(NAMES, scores, strict=True))

    def compare(self, degraded: Description, known: Known) -> Mapping[str, Result]:
        """The five values, MOS of about 1 to 5, never cut to that range; a high noisiness is little noise."""
        return dict(degraded)


def make(device: str = "cpu") -> Listener:
    """The device is ``cpu`` or ``cuda``."""
    return NisqaListener(device)
