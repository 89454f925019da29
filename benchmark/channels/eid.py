"""Frame erasures of the Error Insertion Device of ITU-T G.191: its Gilbert-Elliott model, in slots.

A good state loses nothing, a bad one every second slot, so that bursts are two slots in the mean at most, however the
states persist. At one `gamma`, what is lost at a lower rate is lost at a higher one too. The law is the device's, the
random numbers are ours; with `stl_seed` they are its own, and the pattern is that of its program `gen-patt`.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.channels import _slots
from benchmark.channels._checks import number
from benchmark.channels._slots import USUAL
from benchmark.patterns import eid
from benchmark.types import LOST, Booleans, Fate, Nanoseconds, Point, UserError

HIGHEST = {"fer": 0.5, "bfer": 0.3}  # rates that `gen-patt` accepts


@dataclass(frozen=True)
class Eid:
    """A share `rate` of the slots is lost.

    Attributes:
        rate: in [0, 0.5]; in mode ``bfer`` in [0, 0.3].
        gamma: correlation of the state from slot to slot, in [0, 1).
        slot_ms: duration of a slot.
        stl_seed: replay what `gen-patt` writes from this seed, for every utterance the same; None: drawn.
        mode: of `gen-patt`: ``fer``, or ``bfer``, the Bellcore model, which has no gamma and is here only replayed.
    """

    rate: float
    gamma: float = 0.0
    slot_ms: float = USUAL
    stl_seed: int | None = None
    mode: str = "fer"
    loss = None  # of two values of gamma neither continues the other's curve; see `point`
    burst_ratio = None

    def __post_init__(self) -> None:
        if self.mode not in HIGHEST:
            raise UserError(
                f"eid: mode={self.mode} must be fer or bfer; for errors of bits write bit_errors:rate=0.001."
            )
        check_model("eid", self.rate, self.gamma, self.stl_seed, HIGHEST[self.mode])
        _slots.check("eid", "slot_ms", self.slot_ms)
        if self.mode == "bfer" and self.gamma:
            raise UserError(f"eid: gamma={self.gamma} must be 0 in mode=bfer, whose bursts are fixed; write mode=fer.")
        if self.mode == "bfer" and self.stl_seed is None:
            raise UserError(f"eid: mode=bfer needs an stl_seed to replay; to draw, write bellcore:loss={self.rate}.")

    @property
    def title(self) -> str:
        """What the report calls this condition."""
        return f"{100 * self.rate:g} % loss, {self._model}"

    @property
    def point(self) -> Point:
        """Where it lies on a curve over the rate."""
        return Point(self._model, "% loss", 100 * self.rate)

    @property
    def _model(self) -> str:
        name = "Bellcore bursts" if self.mode == "bfer" else f"gamma {self.gamma:g}"
        seed = "" if self.stl_seed is None else f", seed {self.stl_seed}"
        return f"G.191 {name}{seed}{_slots.note(self.slot_ms)}"

    def fate(self, sent: Nanoseconds, generator: np.random.Generator) -> Fate:
        """Lost where the slot of the send instant is."""
        slot = _slots.slot_of(sent, _slots.nanoseconds(self.slot_ms))
        slots = int(slot.max(initial=0)) + 1
        if self.mode == "bfer":
            lost = eid.bellcore(eid.sequence(self.stl_seed or 0, slots), eid.entering(self.rate))
        else:
            lost = gilbert(slots, self.rate, self.gamma, self.stl_seed, generator)
        return Fate(np.where(lost[slot], LOST, 0))


def gilbert(count: int, rate: float, gamma: float, seed: int | None, generator: np.random.Generator) -> Booleans:
    """The first `count` errors of the Gilbert-Elliott model: from the STL's own numbers of a `seed`, or drawn."""
    if seed is not None:
        return eid.gilbert(eid.sequence(seed, 2 * count).reshape(-1, 2), rate, gamma)
    bad = bool(generator.random() < 2 * rate)  # the stationary law; the STL itself begins in the good state
    return eid.gilbert(generator.random((count, 2)), rate, gamma, bad)


def check_model(component: str, rate: float, gamma: float, seed: int | None, highest: float) -> None:
    """Raise UserError for a rate, a gamma or a seed that the device does not take."""
    number(component, "rate", rate, 0, "no errors", most=highest)
    number(component, "gamma", gamma, 0, "independent errors", most=0.9999)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32):
        raise UserError(f"{component}: stl_seed={seed} must be a whole number of 32 bits; write stl_seed={eid.SEED}.")


make = Eid
