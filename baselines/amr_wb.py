"""AMR-WB (3GPP TS 26.171, 26.190 = ITU-T G.722.2; DTX: 26.193) at 6.6 to 23.85 kbit/s; 16 kHz, 20 ms.

libvo-amrwbenc encodes, libopencore-amrwb decodes.

The library misses the standard's concealment (TS 26.191), which takes the gains of a lost frame from medians of the
last five: `dec_gain2_amr_wb` of opencore-amr 0.1.6 copies each of these onto itself where it should shift them. So the
medians are 0, and a lost frame is all but silence, and much of the next ones. The bad-frame flag becomes the frame
type NO_DATA, whose samples differ from those of SPEECH_LOST only after pauses with DTX. So here up to two lost frames
after one of speech are that frame again; only then does SPEECH_LOST go in, which falls silent. In pauses it goes in at
once, and the comfort noise goes on.

Measured over 12 clips of the demo corpus at 12.65 kbit/s, one eighth of the frames lost, PESQ-WB and PLCMOS:

                                           at random        in bursts of 3
    mute                                  1.22   2.19        1.48   2.67
    SPEECH_LOST, NO_DATA or the flag      1.26   2.39        1.54   2.97
    the library, rebuilt with this mended 1.74   2.72        1.82   2.89
    this                                  1.74   3.13        1.81   3.14
"""

from baselines._amr import DECODE, ENCODE, SPEECH_LOST, Amr, Session, Variant
from baselines._libraries import POINTER, Library
from benchmark.types import Card

CARD = Card(
    family="ACELP",
    rates="6.6, 8.85, 12.65, 14.25, 15.85, 18.25, 19.85, 23.05, 23.85 kbit/s; less with DTX",
    source="3GPP TS 26.171, 26.190, 26.193; code of VisualOn (encoder) and PacketVideo (decoder)",
    code="Apache-2.0 (libvo-amrwbenc, libopencore-amrwb)",
    caveat="The decoder's own concealment is broken; repetition stands in for its first 40 ms.",
)
ENCODER = Library(
    "AMR-WB",
    "vo-amrwbenc",
    ("libvo-amrwbenc.so.0",),
    "libvo-amrwbenc0",
    {"E_IF_init": (POINTER, []), "E_IF_encode": ENCODE, "E_IF_exit": (None, [POINTER])},
)
DECODER = Library(
    "AMR-WB",
    "opencore-amrwb",
    ("libopencore-amrwb.so.0",),
    "libopencore-amrwb0",
    {"D_IF_init": (POINTER, []), "D_IF_decode": DECODE, "D_IF_exit": (None, [POINTER])},
)
AMR_WB = Variant(
    "amr_wb",
    rate=16_000,
    delay=95,  # samples: 5 ms of look-ahead, and the filters between 16 and 12.8 kHz
    bitrates=(6_600, 8_850, 12_650, 14_250, 15_850, 18_250, 19_850, 23_050, 23_850),
    sid=9,
    lost=SPEECH_LOST,
    repeats=2,
    libraries=(ENCODER, DECODER),
    encoder=lambda dtx: Session(ENCODER, ("E_IF_init", "E_IF_encode", "E_IF_exit"), last=dtx),
    decoder=lambda: Session(DECODER, ("D_IF_init", "D_IF_decode", "D_IF_exit")),
)


def make(bitrate: int = 12_650, dtx: bool = False) -> Amr:
    """One of the nine modes, by its `bitrate` in bit/s."""
    return Amr(AMR_WB, bitrate, dtx)
