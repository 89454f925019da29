"""What delay and loss do to a conversation: the E-model, ITU-T G.107 (narrow band) and G.107.1 (wide band). Pure.

A rating is a sum: the best one of its band, less impairments. What a codec costs has to have been published for it;
no value is made up for another one, and values of one band are never used in the other.
"""

from collections.abc import Mapping
from math import log2
from typing import Literal, NamedTuple, TypeAlias

from benchmark.registry import parse
from benchmark.types import NotMeasured, UserError

Band: TypeAlias = Literal["narrowband", "wideband"]
BEST: Mapping[Band, float] = {"narrowband": 93.2, "wideband": 129.0}  # all parameters at their defaults
STRETCH: Mapping[Band, float] = {"narrowband": 1.0, "wideband": 1.29}  # of a band's ratings over those of narrow band
CEILING = 95.0  # of the equipment impairment: what is left of a codec when everything is lost
BURSTY, RARE = 2.0, 0.02  # the formula holds up to this burst ratio, or below this share of losses


class Equipment(NamedTuple):
    """What a codec costs without losses, and how robust it is to them (None: not published)."""

    ie: float
    bpl: float | None
    source: str


_G113 = "ITU-T G.113, Appendix I"
_G113_WIDE = "ITU-T G.113, Appendix IV"

PUBLISHED: Mapping[str, Equipment] = {
    "G.711 without concealment": Equipment(0, 4.3, _G113),
    "G.711 with Appendix I": Equipment(0, 25.1, _G113),
    "G.723.1 5.3k": Equipment(19, None, _G113),
    "G.723.1 6.3k with VAD": Equipment(15, 16.1, _G113),
    "G.726 16k": Equipment(50, None, _G113),
    "G.726 24k": Equipment(25, None, _G113),
    "G.726 32k": Equipment(7, None, _G113),
    "G.726 40k": Equipment(2, None, _G113),
    "G.728 12.8k": Equipment(20, None, _G113),
    "G.728 16k": Equipment(7, None, _G113),
    "G.729A": Equipment(10, None, _G113),
    "G.729A with VAD": Equipment(11, 19.0, _G113),
    "GSM-EFR": Equipment(5, 10.0, _G113),
}
PUBLISHED_WIDEBAND: Mapping[str, Equipment] = {
    "AMR-WB 6.6k": Equipment(41, None, _G113_WIDE),
    "AMR-WB 8.85k": Equipment(26, None, _G113_WIDE),
    "AMR-WB 12.65k": Equipment(13, None, _G113_WIDE),
    "AMR-WB 14.25k": Equipment(10, None, _G113_WIDE),
    "AMR-WB 15.85k": Equipment(7, None, _G113_WIDE),
    "AMR-WB 18.25k": Equipment(5, None, _G113_WIDE),
    "AMR-WB 19.85k": Equipment(3, None, _G113_WIDE),
    "AMR-WB 23.05k": Equipment(1, None, _G113_WIDE),
    "AMR-WB 23.85k": Equipment(8, None, _G113_WIDE),
}


def published(name: str, band: Band = "narrowband") -> Equipment:
    """What is published of the codec `name` for one band.

    Raises:
        UserError: when nothing is, or it is for the other band only: the two scales never mix.
    """
    known, others = PUBLISHED, PUBLISHED_WIDEBAND
    if band == "wideband":
        known, others = others, known
    if name in known:
        return known[name]
    if name in others:
        raise UserError(f"emodel: {name!r} is not published for {band}, and the scales never mix; rate it in its own.")
    raise UserError(f"emodel: nothing is published for {name!r}; give its ie, bpl and where they are from.")


def read(text: str) -> tuple[Equipment, Band]:
    """What a suite states of a codec: a published name, or ``ie=5,bpl=10`` with ``band=wideband`` where it is that.

    Raises:
        UserError: for what is neither, or out of range.
    """
    if text in PUBLISHED_WIDEBAND:
        return PUBLISHED_WIDEBAND[text], "wideband"
    if "=" not in text:
        return published(text), "narrowband"
    params = parse(f"emodel:{text}").params
    ie, bpl, given = params.get("ie"), params.get("bpl"), params.get("band", "narrowband")
    numbers = all(type(value) in (int, float) for value in (ie, bpl)) and set(params) <= {"ie", "bpl", "band"}
    if not numbers or not 0 <= float(ie or 0) <= CEILING or not float(bpl or 0) > 0 or given not in BEST:
        text = f"emodel: {text!r} must be ie=0 to {CEILING:g}, bpl above 0, and band=narrowband or wideband"
        raise UserError(f"{text}; or write one of {', '.join((*PUBLISHED, *PUBLISHED_WIDEBAND))}.")
    return Equipment(float(ie or 0), float(bpl or 0), "the suite"), "wideband" if given == "wideband" else "narrowband"


def delay_impairment(milliseconds: float) -> float:
    """Idd of ITU-T G.107: what the delay from mouth to ear, ms, costs even without any echo; from 0.

    Raises:
        ValueError: for a negative delay.
    """
    if not milliseconds >= 0:
        raise ValueError(f"a delay of {milliseconds} ms is none; it must be 0 or more")
    if milliseconds <= 100:
        return 0.0
    octaves = log2(milliseconds / 100)
    whole: float = (1 + octaves**6) ** (1 / 6)
    third: float = (1 + (octaves / 3) ** 6) ** (1 / 6)
    return 25 * (whole - 3 * third + 2)


def equipment_impairment(ie: float, bpl: float | None, loss_share: float, burst_ratio: float = 1.0) -> float:
    """Ie,eff of ITU-T G.107 and G.107.1: what a codec costs under packet loss.

    Args:
        ie: without losses, 0 to 95.
        bpl: its robustness to losses; None: not published.
        loss_share: of the packets, behind the playout buffer, 0 to 1.
        burst_ratio: mean length of a run of losses over that of random losses of the same share; 1: random.

    Raises:
        NotMeasured: ``not_applicable`` where there are losses and no `bpl`, or bursts beyond what was validated.
        ValueError: for arguments out of their range.
    """
    if not (0 <= ie <= CEILING and 0 <= loss_share <= 1 and burst_ratio > 0 and (bpl is None or bpl > 0)):
        raise ValueError(f"out of range: ie={ie}, bpl={bpl}, loss_share={loss_share}, burst_ratio={burst_ratio}")
    if not loss_share:
        return ie
    if bpl is None:
        raise NotMeasured("not_applicable", "no robustness to losses (Bpl) is published for this codec")
    if burst_ratio > BURSTY and loss_share >= RARE:
        text = (
            f"burst ratio {burst_ratio:.3g} at {loss_share:.3g} lost: G.107 holds up to {BURSTY:g}, or below {RARE:g}"
        )
        raise NotMeasured("not_applicable", text)
    percent = 100 * loss_share
    return ie + (CEILING - ie) * percent / (percent / burst_ratio + bpl)


def rating(delay: float = 0.0, equipment: float = 0.0, advantage: float = 0.0, band: Band = "narrowband") -> float:
    """R of ITU-T G.107 (93.2 where nothing impairs) or G.107.1 (129), all other parameters at their defaults.

    Args:
        delay: `delay_impairment`.
        equipment: `equipment_impairment` of values published for this band.
        advantage: what users forgive for the sake of access, 0 to 20 (G.107, table 1).
        band: whose scale it is.
    """
    return BEST[band] - delay - equipment + advantage


def opinion(rating: float, band: Band = "narrowband") -> float:
    """The mean opinion score, 1 to 4.5, that a rating on the scale of `band` stands for (G.107, Annex B).

    The cubic falls before it rises, below R = 6.5, where it is less than 1: 1 is taken there.
    """
    r = rating / STRETCH[band]
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1.0)
