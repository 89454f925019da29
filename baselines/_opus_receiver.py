"""The receiving end of Opus: what is lost is taken from LBRR, else from DRED, of packets that follow; else concealed.

The order is that of libopus's own opus_demo. LBRR is a copy of the frame before its packet; DRED describes up to a
second before it. Of several buffered packets the nearest one is asked, which describes the frame best.
"""

from collections.abc import Sequence

import numpy as np

from baselines._framed import FramedDecoder
from baselines._libopus import NativeDecoder
from baselines._opus_networks import Redundancy
from baselines._opus_packet import CELT, WIDEBAND, carries_lbrr, configuration
from benchmark.types import CodecInfo, NotMeasured, Signal, Slot

NOTHING_YET = -1  # in place of a configuration


class OpusDecoder(FramedDecoder):
    """One libopus decoder; None, and what is no packet, is recovered or concealed, ``b""`` continues comfort noise.

    Args:
        info: of the codec.
        complexity: of the decoder, which says what networks it runs.
        dred: whether to look for DRED in the packets that follow.
    """

    def __init__(self, info: CodecInfo, complexity: int, dred: bool) -> None:
        super().__init__(info)
        self.native = NativeDecoder(info.rate_out, complexity)
        self.redundancy = Redundancy(info.rate_out) if dred else None
        self.heard = NOTHING_YET  # configuration of the packet that was decoded last
        self.concealed = False

    def has(self, slot: Slot) -> bool:
        """Whether the slot that was decoded last brought its frame, or a later packet did."""
        return not self.concealed

    def decode_slot(self, slot: Slot) -> Signal:
        try:
            output = self._recovered(slot.ahead) if slot.payload is None else self._received(slot.payload)
        except NotMeasured:  # bits that changed on the way: what makes no packet is as good as lost
            output = None
        self.concealed = output is None
        if output is None:
            output = self.native.decode(None, self.info.frame)
        return np.clip(output, -1, 1)  # libopus decodes to float beyond full scale

    def _received(self, payload: bytes) -> Signal:
        output = self.native.decode(payload or None, self.info.frame)
        self.heard = configuration(payload) if payload else self.heard
        return output

    def _recovered(self, ahead: Sequence[bytes | None]) -> Signal | None:
        """The frame before the packets `ahead`; None where none of them tells of it."""
        following = ahead[0] if ahead else None
        if following and carries_lbrr(following) and self.heard < CELT:  # after CELT, libopus does not take it
            output = self.native.decode(following, self.info.frame, fec=True)
            self.heard = configuration(following)
            return output
        # Below wideband libopus does not play DRED but keeps it, and would play it in a later gap, where it is wrong.
        if self.redundancy is None or self.heard < WIDEBAND:
            return None
        for distance, payload in enumerate(ahead, 1):
            back = distance * self.info.frame
            if payload and _covers(self.redundancy.read(payload, back), back, self.info.frame):
                return self.redundancy.decode(self.native, back, self.info.frame)
        return None


def _covers(described: range, back: int, samples: int) -> bool:
    """Whether `samples` that begin `back` before a packet are all within what it describes."""
    return described.start <= back - samples and back <= described.stop
