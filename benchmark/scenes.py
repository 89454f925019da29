"""Under what a codec is judged: the room before it, the network behind it, how packets are protected and played.

Each is a component, or a chain of them: what acoustics do is done in turn, what networks do adds up.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from benchmark import manifest, registry
from benchmark.fingerprint import module_fingerprint
from benchmark.networks import Networks
from benchmark.store import digest
from benchmark.suite import GRID, JOIN, SPANS, Suite
from benchmark.types import Acoustics, Channel, PlayoutBuffer, Point, Protection, Spec, UserError


@dataclass(frozen=True, slots=True)
class Condition:
    """A point on one axis.

    Attributes:
        kind: channel, acoustics, protection or playout.
        text: as the user wrote it.
        specs: its parts, with their files found.
        identity: a digest of these, of the contents of the files, and of the code.
        title: a few words for a table.
        point: where it lies on a curve, if it does.
        loss: of a channel, the asked share of packets lost; `burst_ratio` likewise.
        speakers: whose voices are in it.
    """

    kind: str
    text: str
    specs: tuple[Spec, ...] = field(compare=False)  # it holds mappings, which have no hash; `identity` stands for it
    identity: str = ""
    title: str = ""
    point: Point | None = None
    loss: float | None = None
    burst_ratio: float | None = None
    speakers: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        """The component's name; ``chain`` where there are several."""
        return self.specs[0].name if len(self.specs) == 1 else "chain"

    @property
    def parts(self) -> tuple[Any, ...]:
        """The components themselves, made once per process."""
        return tuple(_part(self.kind, spec.name, tuple(spec.params.items()), self.identity) for spec in self.specs)

    def channel(self) -> Channel:
        """The network."""
        parts: tuple[Channel, ...] = self.parts
        return parts[0] if len(parts) == 1 else Networks(parts)

    def acoustics(self) -> tuple[Acoustics, ...]:
        """What happens to speech, in this order."""
        return self.parts

    def protection(self) -> Protection:
        """How frames become packets."""
        protection: Protection = self.parts[0]
        return protection

    def buffer(self) -> PlayoutBuffer:
        """How long the receiver waits."""
        buffer: PlayoutBuffer = self.parts[0]
        return buffer


class Scene(NamedTuple):
    """One condition of each axis."""

    acoustics: Condition
    channel: Condition
    protection: Condition
    playout: Condition


@cache
def _part(kind: str, name: str, params: tuple[tuple[str, Any], ...], identity: str) -> Any:
    """A component; `identity` stands for the contents of its files, which may change while a process lives."""
    return registry.make(kind, Spec(name, dict(params)))


def condition(kind: str, text: str, folders: Sequence[Path] = ()) -> Condition:
    """Resolve one component or chain; its files are looked up under `folders`, then among the shipped ones.

    Raises:
        UserError: for an unknown name or parameter, an infeasible one, or a missing file.
        Unavailable: where it lacks a package here.
    """
    specs, hashed = [], []
    for part in text.split(JOIN):
        spec, identity = _resolved(kind, text, part, (*folders, manifest.shipped()))
        specs.append(spec)
        hashed.append(identity)
    if kind in ("protection", "playout") and len(specs) > 1:
        raise UserError(f"{kind} {text!r}: only channels and acoustics can be chained; give one component.")
    try:
        parts = [registry.make(kind, spec) for spec in specs]  # anew: files may have changed since
    except (TypeError, ValueError) as error:
        raise UserError(f"{kind} {text!r}: {error}") from error
    alone = parts[0] if len(parts) == 1 and getattr(parts[0], "usual", True) else None
    files = [_digest(file, file.stat().st_mtime_ns) for part in parts for file in getattr(part, "files", ())]
    return Condition(
        kind,
        text,
        tuple(specs),
        digest(kind, hashed, files),
        JOIN.join(part.title for part in parts),
        _point(parts),
        getattr(alone, "loss", None),
        getattr(alone, "burst_ratio", None),
        frozenset().union(*(getattr(part, "speakers", ()) for part in parts)),
    )


@cache
def _digest(file: Path, changed: int) -> str:
    """SHA-256 of a file, which many conditions may share; `changed` is when it was written, ns."""
    return manifest.file_digest(file)


def _resolved(kind: str, text: str, part: str, folders: Sequence[Path]) -> tuple[Spec, list[Any]]:
    """A component with its files found, and what decides it besides the contents of those it opens itself."""
    spec = registry.parse(part)
    registry.check_parameters(kind, spec)
    module, _ = registry.locate(kind, spec.name)
    versions: Callable[[], dict[str, str]] = getattr(importlib.import_module(module), "versions", dict)
    params, hashed = dict(spec.params), dict(spec.params)
    for name in getattr(importlib.import_module(module), "FILES", ()):
        if params.get(name) is not None:
            path = manifest.find(str(params[name]), folders, f"{kind} {text!r}: the file")
            params[name], hashed[name] = str(path), manifest.file_digest(path)
    return Spec(spec.name, params), [spec.name, hashed, module_fingerprint(module), versions()]


def _point(parts: Sequence[Any]) -> Point | None:
    """Of a chain: where its one part that lies on a curve does, on a curve named after the others too."""
    points = [(i, part.point) for i, part in enumerate(parts) if getattr(part, "point", None) is not None]
    if len(points) != 1:
        return None
    index, point = points[0]
    names = [point.curve if i == index else part.title for i, part in enumerate(parts)]
    found: Point = point._replace(curve=JOIN.join(names))
    return found


# For what is timed, or heard without loss.
CLEAN = Condition("channel", "clean", (Spec("clean"),), "", "clean", loss=0.0)


def scenes(suite: Suite, folders: Sequence[Path]) -> tuple[Scene, ...]:
    """All scenes of a suite.

    Raises:
        UserError: as `condition` does.
        Unavailable: likewise.
    """
    kinds = zip(Scene._fields, GRID, strict=True)
    made = [{text: condition(kind, text, folders) for text in getattr(suite, key)} for kind, key in kinds]
    return tuple(Scene(*(axis[text] for axis, text in zip(made, chosen, strict=True))) for chosen in grid(suite))


def grid(suite: Suite) -> list[tuple[str, ...]]:
    """The texts of all scenes of a suite, without making any: what each group of axes spans, others at their first."""
    groups = [group.split(JOIN) for group in SPANS.get(suite.axes[0], suite.axes)]
    axes = {key: getattr(suite, key) for key in GRID}
    spans = [product(*(axes[key] if key in group else axes[key][:1] for key in GRID)) for group in groups]
    return list(dict.fromkeys(chosen for span in spans for chosen in span))
