"""AMR (3GPP TS 26.071, 26.090; DTX: 26.093) at 4.75 to 12.2 kbit/s through libopencore-amrnb; 8 kHz, 20 ms.

Concealment is the library's, that of TS 26.091: a lost frame goes in as the type NO_DATA, which is also all that
its wrapper makes of the bad-frame flag. In speech the last pitch and spectrum go on, with random pulses and falling
gains; in pauses the comfort noise does. SPEECH_LOST is a type of AMR-WB's: here nothing is decoded for it, and the
output buffer stays as it was.

Measured over 12 clips of the demo corpus with one eighth of the frames lost at random, this against mute: at
12.2 kbit/s narrow-band PESQ 2.10 and 1.52, PLCMOS 3.08 and 2.51; at 4.75 kbit/s 2.02 and 1.50, 2.86 and 2.40.
"""

from baselines._amr import DECODE, ENCODE, NO_DATA, Amr, Session, Variant
from baselines._libraries import INT, POINTER, Library
from benchmark.types import Card

CARD = Card(
    family="ACELP",
    rates="4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2 kbit/s; less with DTX",
    source="3GPP TS 26.071, 26.090, 26.093; PacketVideo's code as opencore-amr has it",
    code="Apache-2.0 (libopencore-amrnb)",
)
LIBRARY = Library(
    "AMR",
    "opencore-amrnb",
    ("libopencore-amrnb.so.0",),
    "libopencore-amrnb0",
    {
        "Encoder_Interface_init": (POINTER, [INT]),
        "Encoder_Interface_Encode": ENCODE,
        "Encoder_Interface_exit": (None, [POINTER]),
        "Decoder_Interface_init": (POINTER, []),
        "Decoder_Interface_Decode": DECODE,
        "Decoder_Interface_exit": (None, [POINTER]),
    },
)
ENCODER = "Encoder_Interface_init", "Encoder_Interface_Encode", "Encoder_Interface_exit"
DECODER = "Decoder_Interface_init", "Decoder_Interface_Decode", "Decoder_Interface_exit"
# Samples. 40 of them are the look-ahead of 5 ms, and what differentiated signals say of each clip in each mode. The
# high-pass filters add to it where most of the energy of speech is: its envelopes say 48, its waveforms 39 to 54.
DELAY = 48
AMR = Variant(
    "amr_nb",
    rate=8_000,
    delay=DELAY,
    bitrates=(4_750, 5_150, 5_900, 6_700, 7_400, 7_950, 10_200, 12_200),
    sid=8,
    lost=NO_DATA,
    repeats=0,
    libraries=(LIBRARY,),
    encoder=lambda dtx: Session(LIBRARY, ENCODER, dtx),
    decoder=lambda: Session(LIBRARY, DECODER),
)


def make(bitrate: int = 12_200, dtx: bool = False) -> Amr:
    """One of the eight modes, by its `bitrate` in bit/s."""
    return Amr(AMR, bitrate, dtx)
