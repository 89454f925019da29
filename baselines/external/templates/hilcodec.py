"""HILCodec (arXiv 2405.04752), 24 kHz, 75 frames a second of up to 8 codebooks of 1024, streaming, through ONNX.

Written against aask1357/hilcodec at 616e8c36e5ee, whose ``onnx`` holds the networks and the state they begin with.
Here that code ran with random weights only.
"""

from pathlib import Path
from typing import Any

from worker import Tokens, checksum, versions

HOP = 320  # 8 x 5 x 4 x 2


def make(folder: str, codebooks: int = 2, model: str = "hil_speech") -> Tokens:
    """The codec of a `model` in ``source/onnx`` under `folder`: hil_speech or hil_music."""
    import numpy as np
    import onnxruntime

    begin = str(Path(folder, "source", "onnx", model))
    parts = [f"{begin}_{part}{i}.onnx" for part in ("vq", "deq") for i in range(codebooks)]
    files = [f"{begin}_{name}" for name in ("enc.onnx", "dec.onnx", "cache_enc.npz", "cache_dec.npz")]
    identity = {"weights": checksum(*files, *parts), "model": model, **versions("onnxruntime")}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sending, receiving, *quantizers = (
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for file in files[:2] + parts
    )

    def encoder() -> Any:
        state = dict(np.load(files[2]))

        def encode(frame: Any) -> Any:
            rest, *states = sending.run(None, {**state, "wav_in": frame[None, None]})
            state.update((f"e_in{i}", one) for i, one in enumerate(states))
            indices = []
            for quantizer in quantizers[:codebooks]:
                quantized, index = quantizer.run(None, {"x": rest})
                rest = rest - quantized
                indices.append(int(index.reshape(-1)[0]))
            return indices

        return encode

    def decoder() -> Any:
        state = dict(np.load(files[3]))

        def decode(token: Any) -> Any:
            pairs = [(quantizers[codebooks + i], token[i]) for i in range(codebooks)]
            quantized = sum(one.run(None, {"idx": np.array([[index]])})[0] for one, index in pairs)
            output, *states = receiving.run(None, {**state, "q": quantized})
            state.update((f"d_in{i}", one) for i, one in enumerate(states))
            return output

        return decode

    return Tokens(24_000, HOP, codebooks, 1024, encoder, decoder, identity, streaming=True)
