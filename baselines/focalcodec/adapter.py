"""What the adapters of FocalCodec and FocalCodec-Stream share: where weights come from, and the facts they give."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines._framed import require
from baselines.focalcodec.config import PRECISIONS, SAMPLE_RATE, Config, as_json
from benchmark import manifest, weights
from benchmark.bits import Indices
from benchmark.conceal import Codes
from benchmark.tokens import TokenCodec, TokenDecoder, TokenEncoder, TokenLayout, token_info
from benchmark.types import Signal, UserError

if TYPE_CHECKING:
    from baselines.focalcodec.sessions import Loaded

RANDOM = "random"


class Focal(TokenCodec):
    """A FocalCodec of either kind; a subclass says how its sessions run.

    Args:
        name: of the published checkpoint, as `focalbench fetch` knows it.
        published: its configuration.
        given: a folder with a checkpoint, ``random``, or None for the published one.
        precision: of the large matrix products.
        tokens: per frame.
        seed: of random weights.
    """

    def __init__(self, name: str, published: Config, given: str | None, precision: str, tokens: int, seed: int) -> None:
        require(f"{name}: precision", precision, PRECISIONS)
        if given is not None and not isinstance(given, str):
            raise UserError(f"{name}: weights={given!r} is not allowed; give a folder, random, or nothing.")
        if type(seed) is not int:
            raise UserError(f"{name}: seed={seed!r} is not allowed; give a whole number.")
        self.layout = TokenLayout(  # which every checkpoint of this name shares: `load` refuses others
            SAMPLE_RATE,
            published.rate_out,
            published.hop_in,
            published.hop_out,
            published.quantizer.bits,
            group=published.group,
            per_frame=tokens,
        )
        self.loaded, origin = load(name, published, given, precision, seed)
        config = sha256(as_json(self.loaded.codec.config).encode()).hexdigest()
        identity = {"torch": version("torch"), "weights": origin, "config": f"sha256 {config}", "precision": precision}
        self.info = token_info(self.layout, identity, streaming=published.causal)

    def codes(self, tokens: Indices) -> Codes:
        return self.loaded.codes(tokens)

    def silence(self) -> Indices:
        return self.loaded.silence

    def convert(self, tokens: Indices, voice: Signal, neighbours: int) -> Signal:
        """Voice conversion among the features before the decoder, as the papers have it (see `voice.nearest`)."""
        return self.loaded.convert(tokens, voice, neighbours)

    def cost(self) -> dict[str, float]:
        """Parameters, multiply-accumulates per second of audio, bytes of a stream's state."""
        return self.loaded.cost


class Streaming(Focal):
    """Sessions that keep a state and work through 80 ms at a time."""

    def token_encoder(self) -> TokenEncoder:
        from baselines.focalcodec.sessions import StreamingEncoder

        return StreamingEncoder(self.loaded.codec)

    def token_decoder(self) -> TokenDecoder:
        from baselines.focalcodec.sessions import StreamingDecoder

        return StreamingDecoder(self.loaded.codec)


def load(name: str, published: Config, given: str | None, precision: Any, seed: int) -> tuple["Loaded", str]:
    """The codec, and in a few words where its weights are from.

    Raises:
        Unavailable: when the published weights are not here.
        UserError: when those that are given cannot be used.
    """
    from baselines.focalcodec import model
    from baselines.focalcodec.sessions import Loaded

    if given == RANDOM:
        return Loaded(model.load(published, None, precision, seed)), f"{RANDOM}, seed {seed}"
    folder = weights.folder(name) if given is None else weights.folder(name, ("config.json",), given)
    codec = model.open_folder(folder, precision, published)
    return Loaded(codec), f"sha256 {manifest.file_digest(Path(model.weights_file(folder)))}"
