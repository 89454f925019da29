"""What a FocalCodec checkpoint says of itself: its `config.json`, and the six published configurations.

Keys and defaults are those of the public checkpoints (arXiv 2502.04465, 2509.16195; hub `lucadellalib/focalcodec_*`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from math import log2, prod
from pathlib import Path
from typing import Any, get_type_hints

from benchmark.registry import nearest
from benchmark.types import UserError

PRECISIONS = ("fp32", "bf16", "int8")  # of the large matrix products
SAMPLE_RATE = 16_000  # Hz, of the input of every published model
WIDTHS = (1024, 1024, 1024)


@dataclass(frozen=True, slots=True)
class WavLM:
    """The encoder: convolutional front end and the first layers of WavLM-large (arXiv 2110.13900)."""

    hidden_dims: tuple[int, ...] = (512,) * 7
    kernel_sizes: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    num_layers: int = 6
    dim: int = 1024
    ffn_dim: int = 4096
    num_heads: int = 16
    num_buckets: int = 320
    max_distance: int = 800
    max_cached_steps: int = 2048  # how much the reference precomputes; changes no value
    dropout: float = 0.0
    conv_pos: int = 128
    conv_pos_groups: int = 16
    causal: bool = False
    window_size: int = 512
    lookahead_size: int = 3
    use_flex_attention: bool = False  # another kernel for the same values

    @property
    def hop(self) -> int:
        """Input samples per frame."""
        return prod(self.strides)


@dataclass(frozen=True, slots=True)
class Focal:
    """What compressor and decompressor share: focal modulation (arXiv 2203.11926)."""

    input_dim: int = 1024
    output_dim: int = 12
    hidden_dims: tuple[int, ...] = WIDTHS
    focal_window: int = 14
    focal_level: int = 2
    focal_factor: int = 4
    dropout: float = 0.0
    use_post_norm: bool = False
    use_layerscale: bool = False
    layerscale_init: float = 1e-4
    tanhscale_init: float = 0.5
    normalize_modulator: bool = False
    causal: bool = False
    window_size: int = 512


@dataclass(frozen=True, slots=True)
class FocalEncoder(Focal):
    """The compressor: features to latents."""

    downscale_factors: tuple[int, ...] = (1, 1, 1)


@dataclass(frozen=True, slots=True)
class FocalDecoder(Focal):
    """The decompressor: codes to features, with the refiner where it is causal."""

    input_dim: int = 12
    output_dim: int = 1024
    upscale_factors: tuple[int, ...] = (1, 1, 1)
    last_window_size: int = 512
    lookahead_size: int = 3


@dataclass(frozen=True, slots=True)
class BinarySphericalQuantizer:
    """The quantiser (arXiv 2406.07548): one bit per latent dimension."""

    codebook_size: int = 4096

    @property
    def bits(self) -> int:
        """Bits of a token, which is also the number of latent dimensions."""
        return int(log2(self.codebook_size))


@dataclass(frozen=True, slots=True)
class WaveNeXt:
    """The decoder of the causal models: ConvNeXt blocks, then one linear layer to samples."""

    input_dim: int = 1024
    num_layers: int = 8
    dim: int = 1024
    ffn_dim: int = 2048
    kernel_size: int = 7
    layerscale_init: float | None = None
    hop_length: int = 480
    causal: bool = False


@dataclass(frozen=True, slots=True)
class Vocos:
    """The decoder of the full-context models (arXiv 2306.00814): ConvNeXt blocks, then an inverse STFT."""

    input_dim: int = 1024
    num_layers: int = 8
    dim: int = 512
    ffn_dim: int = 1536
    kernel_size: int = 7
    layerscale_init: float | None = None
    n_fft: int = 1024
    hop_length: int = 320
    causal: bool = False


MODULES: dict[str, tuple[type, ...]] = {
    "encoder": (WavLM,),
    "compressor": (FocalEncoder,),
    "quantizer": (BinarySphericalQuantizer,),
    "decompressor": (FocalDecoder,),
    "decoder": (WaveNeXt, Vocos),
}
RENAMED = {"input_channels": "input_dim"}  # arguments of the first release
MAY_BE_ZERO = ("lookahead_size", "focal_level", "focal_factor", "num_layers", "max_cached_steps")
DROPPED = {"padding"}  # an argument of the first release that had no effect


@dataclass(frozen=True, slots=True)
class Config:
    """A whole codec."""

    encoder: WavLM = field(default_factory=WavLM)
    compressor: FocalEncoder = field(default_factory=FocalEncoder)
    quantizer: BinarySphericalQuantizer = field(default_factory=BinarySphericalQuantizer)
    decompressor: FocalDecoder = field(default_factory=FocalDecoder)
    decoder: WaveNeXt | Vocos = field(default_factory=WaveNeXt)

    @property
    def causal(self) -> bool:
        """Whether it can stream; all parts are causal, or none is."""
        return self.encoder.causal

    @property
    def hop_in(self) -> int:
        """Input samples per token."""
        return self.encoder.hop * prod(self.compressor.downscale_factors)

    @property
    def hop_out(self) -> int:
        """Output samples per token."""
        return self.decoder.hop_length * prod(self.decompressor.upscale_factors)

    @property
    def rate_out(self) -> int:
        """Sample rate of the output, Hz."""
        return SAMPLE_RATE * self.hop_out // self.hop_in

    @property
    def group(self) -> int:
        """Tokens that are made together: a frame and its look-ahead."""
        return 1 + self.encoder.lookahead_size if self.causal else 1

    def check(self) -> "Config":
        """Return self.

        Raises:
            UserError: where the parts do not fit together.
        """
        size, encoder = self.quantizer.codebook_size, self.encoder
        if size < 2 or size & (size - 1):
            raise UserError(f"FocalCodec configuration: quantizer: codebook_size={size} is no power of two above 1.")
        facts = {
            "encoder: hidden_dims, kernel_sizes and strides are not equally many": len(
                {len(encoder.hidden_dims), len(encoder.kernel_sizes), len(encoder.strides)}
            )
            > 1,
            "compressor: hidden_dims and downscale_factors are not equally many": len(self.compressor.hidden_dims)
            != len(self.compressor.downscale_factors),
            "decompressor: hidden_dims and upscale_factors are not equally many": len(self.decompressor.hidden_dims)
            != len(self.decompressor.upscale_factors),
            "encoder.dim is no multiple of num_heads and conv_pos_groups": encoder.dim % encoder.num_heads
            or encoder.dim % encoder.conv_pos_groups,
            "encoder: num_buckets must be 4 or more, max_distance above a quarter of it": encoder.num_buckets < 4
            or encoder.max_distance <= encoder.num_buckets // 4,
            "compressor.output_dim is not the quantizer's number of bits": self.compressor.output_dim
            != self.quantizer.bits,
            "decompressor.input_dim is not the quantizer's number of bits": self.decompressor.input_dim
            != self.quantizer.bits,
            "compressor.input_dim is not encoder.dim": self.compressor.input_dim != self.encoder.dim,
            "decoder.input_dim is not decompressor.output_dim": self.decoder.input_dim != self.decompressor.output_dim,
            "some parts are causal and some are not": len({p.causal for p in self._causal_parts()}) > 1,
            "encoder and decompressor look ahead differently": self.causal
            and self.encoder.lookahead_size != self.decompressor.lookahead_size,
            "a causal model must not change the frame rate": self.causal
            and prod(self.compressor.downscale_factors) * prod(self.decompressor.upscale_factors) != 1,
        }
        for problem, true in facts.items():
            if true:
                raise UserError(f"FocalCodec configuration: {problem}.")
        return self

    def _causal_parts(self) -> tuple[WavLM | FocalEncoder | FocalDecoder | WaveNeXt | Vocos, ...]:
        return self.encoder, self.compressor, self.decompressor, self.decoder


def read(path: Path) -> Config:
    """Read a `config.json`.

    Raises:
        UserError: when it is no JSON, names an unknown module or argument, or its parts do not fit together.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} is not a FocalCodec configuration: its top level must be keys like encoder_name.")
    allowed = {f"{part}_{end}" for part in MODULES for end in ("name", "config")}
    for key in raw:
        if key not in allowed:
            raise UserError(f"{path}: unknown key {key!r}. {nearest(key, allowed)}")
    return Config(**{part: _part(path, part, raw) for part in MODULES}).check()


def _part(path: Path, part: str, raw: Mapping[str, Any]) -> Any:
    known = {module.__name__: module for module in MODULES[part]}
    name: str = raw.get(f"{part}_name", next(iter(known)))
    if not isinstance(name, str) or name not in known:
        raise UserError(f"{path}: {part}_name: unknown module {name!r}. {nearest(str(name), known)}")
    given = raw.get(f"{part}_config")
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise UserError(f"{path}: {part}_config must be a group of arguments, not {given!r:.80}.")
    hints = get_type_hints(known[name])
    arguments: dict[str, Any] = {}
    for key, value in given.items():
        if (now := RENAMED.get(key, key)) in arguments:
            raise UserError(f"{path}: {part}_config gives {now} twice, under its old and its present name.")
        if key not in DROPPED:
            arguments[now] = value
    for key, value in arguments.items():
        if key not in hints:
            raise UserError(f"{path}: {name} has no argument {key!r}. {nearest(key, hints)}")
        arguments[key] = _value(hints[key], value, f"{path}: {part}_config: {key}")
    return known[name](**arguments)


def _value(hint: Any, value: Any, where: str) -> object:
    if hint == tuple[int, ...]:
        if isinstance(value, list) and value and all(type(v) is int and v > 0 for v in value):
            return tuple(value)
        raise UserError(f"{where}={value!r:.80} must be a list of whole numbers above 0.")
    allowed: tuple[type, ...] = {int: (int,), float: (int, float), bool: (bool,)}.get(hint, (int, float, type(None)))
    if not isinstance(value, allowed) or (isinstance(value, bool) and hint is not bool):
        raise UserError(f"{where}={value!r:.80} must be {getattr(hint, '__name__', 'a number or null')}.")
    least = 0 if where.endswith(MAY_BE_ZERO) else 1
    if hint is int and isinstance(value, int) and value < least:
        raise UserError(f"{where}={value} must be {least} or more.")
    return value


def as_json(config: Config) -> str:
    """The text of a `config.json` that `read`, and the reference implementation, read back."""
    parts: dict[str, Any] = {}
    for part in fields(config):
        module = getattr(config, part.name)
        parts[f"{part.name}_name"] = type(module).__name__
        parts[f"{part.name}_config"] = asdict(module)
    return json.dumps(parts, indent=1)


def streaming(codebook_size: int) -> Config:
    """A causal model: 50 tokens a second, 16 kHz in, 24 kHz out (arXiv 2509.16195)."""
    bits = BinarySphericalQuantizer(codebook_size).bits
    return Config(
        WavLM(causal=True),
        FocalEncoder(output_dim=bits, causal=True),
        BinarySphericalQuantizer(codebook_size),
        FocalDecoder(input_dim=bits, causal=True),
        WaveNeXt(causal=True),
    )


def full_context(factors: tuple[int, ...]) -> Config:
    """A full-context model whose compressor shortens time by `factors` (arXiv 2502.04465)."""
    widths = (1024, 512, 256)
    focal: dict[str, Any] = {"focal_window": 7, "focal_factor": 2}
    return Config(
        WavLM(),
        FocalEncoder(output_dim=13, hidden_dims=widths, downscale_factors=factors, **focal),
        BinarySphericalQuantizer(8192),
        FocalDecoder(input_dim=13, hidden_dims=widths[::-1], upscale_factors=factors[::-1], **focal),
        Vocos(),
    )


STREAMING = {"2k": streaming(2048), "4k": streaming(4096), "65k": streaming(65536)}
FULL_CONTEXT = {"50": full_context((1, 1, 1)), "25": full_context((2, 1, 1)), "12.5": full_context((2, 2, 1))}


def small(config: Config, width: int = 32) -> Config:
    """`config` about `width` wide and with a short memory: the same structure, for tests and demonstrations."""
    window = 32
    encoder = replace(
        config.encoder,
        hidden_dims=(width // 2,) * len(config.encoder.strides),
        num_layers=2,
        dim=width,
        ffn_dim=2 * width,
        num_heads=4,
        num_buckets=32,
        max_distance=48,
        max_cached_steps=256,
        conv_pos=16,
        conv_pos_groups=4,
        window_size=window,
    )
    widths = tuple(width for _ in config.compressor.hidden_dims)
    shared: dict[str, Any] = {"hidden_dims": widths, "window_size": window}
    return Config(
        encoder,
        replace(config.compressor, input_dim=width, **shared),
        config.quantizer,
        replace(config.decompressor, output_dim=width, last_window_size=window, **shared),
        replace(config.decoder, input_dim=width, num_layers=2, dim=width, ffn_dim=2 * width),
    )
