"""A suite: what to run on what, read from YAML; unknown keys are refused with the nearest name."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from benchmark.emodel import read
from benchmark.packetise import HEADERS
from benchmark.registry import nearest, parse
from benchmark.types import Mode, Spec, UserError

JOIN = " + "  # between the parts of a chain: `room:rt60=0.5 + noise:snr=10`
ANCHOR = "uncoded"  # the label of the suite's `anchor`
FOLDER = Path(__file__).parent / "suites"
LARGEST_JSON = 16_000_000  # bytes; a run.json carries its provenance
LARGEST_YAML = 200_000  # bytes; a suite is a page, and PyYAML reads some 60 kB a second
GRID = ("acoustics", "channels", "protection", "playout")  # lists of components that are crossed
SPANS = {"crossed": (JOIN.join(GRID),), "one_at_a_time": GRID}  # words for groups of axes
LARGEST_GRID = 10_000  # conditions one entry may expand to


@dataclass(frozen=True, slots=True)
class Data:
    """Which speech: manifests (paths, or names of shipped corpora), one split of them, at most `limit` utterances.

    `by` is a column, such as ``language``: each of its values becomes a data set, of which `limit` holds. `shard` is
    one part of several of each data set, as ``2/8``, for a machine of its own; `focalbench merge` joins them.
    """

    manifest: tuple[str, ...] = ("demo",)
    split: str | None = None
    limit: int | None = None
    by: str | None = None
    shard: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call of a codec or a metric may cost before its process is ended."""

    seconds: float = 300.0
    memory_mb: int = 8192


@dataclass(frozen=True, slots=True)
class TaskData:
    """A downstream task (see `tasks`), and the speech it is learned from and tested on.

    Attributes:
        data: a manifest, as in `Data`.
        task: NAME:key=value of the task; by default the name is the key under which this stands in the suite.
        where: columns and what they have to hold; other utterances are left out.
        train: the split to learn from; of several, ``train + train_synthetic``.
        valid: the split that says when a probe has learned enough; by default a part of `train` that is set apart.
        test: the split that is coded; of it at most `limit` utterances.
        label: the column to be found out, in place of the one that the task names.
        absent: what an empty label means, such as ``none``; without it an empty label is an error.
        apart: what training and test must not share, in place of what the task demands: the splits of SLURP share
            speakers.
    """

    data: str = ""
    task: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    train: str = "train"
    valid: str | None = None
    test: str = "test"
    limit: int | None = None
    label: str | None = None
    absent: str | None = None
    apart: Literal["", "speakers", "utterances"] = ""


@dataclass(frozen=True, slots=True)
class Probes:
    """How networks are taught to solve the tasks from a codec's tokens.

    `recipe` names network and training; `input` is ``tokens``, whose vectors are learned, or ``features``, the
    codec's own vectors of them. The suite's channels and acoustics are those of the ``test``, or of ``both`` sides.
    """

    recipe: str = "small"
    input: Literal["tokens", "features"] = "tokens"
    damage: Literal["test", "both"] = "test"
    seeds: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Voice conversion (`benchmark.conversion_rows`): `pairs` of speakers from a split of `data`; "": none is asked.

    `metrics` are listeners: names of values or metrics, as in the suite's own.
    """

    data: str = ""
    split: str | None = "test"
    pairs: int = 40
    metrics: tuple[str, ...] = ("speaker_resemblyzer", "dwer", "utmos")


@dataclass(frozen=True, slots=True)
class Suite:
    """Everything that decides what is computed.

    `codecs` maps labels to specs; `acoustics`, `channels`, `protection`, `playout`, `concealment`, `metrics` and
    `seeds` span the grid with them: the first four all ``crossed``, or ``one_at_a_time`` (each alone departing from the
    first of its list), or in groups: ``[acoustics, channels + playout]``. `concealment` holds names of loss
    strategies, ``default`` and ``all`` among them (see `benchmark.plan.strategies`). The `anchor` is the codec that
    stands for none: what the acoustics alone do to speech. `probe` examines each codec as a black box for its
    latency, `timing` measures what it costs here afterwards. `capture_ms` is what a sound card takes. `emodel` says
    of labels what is published of them for ITU-T G.107 (see `benchmark.emodel.read`); others are not rated. `tasks`
    are judged by one or both `protocols`: on ``decoded`` audio, and by `probes` on a codec's ``tokens``.
    """

    name: str = "suite"
    title: str = ""
    data: Data = field(default_factory=Data)
    codecs: Mapping[str, str] = field(default_factory=dict)
    acoustics: tuple[str, ...] = ("clean",)
    channels: tuple[str, ...] = ("clean",)
    protection: tuple[str, ...] = ("none",)
    playout: tuple[str, ...] = ("fixed:buffer_ms=60",)
    concealment: tuple[str, ...] = ("default",)
    axes: tuple[str, ...] = ("crossed",)
    anchor: str | None = "pcm"
    probe: bool = False
    timing: bool = False
    capture_ms: float = 10.0
    emodel: Mapping[str, str] = field(default_factory=dict)
    header: str = "ipv4_udp_rtp"
    metrics: tuple[str, ...] = ("pesq_wb", "stoi")
    seeds: tuple[int, ...] = (0,)
    mode: Mode = "streaming"
    device: Literal["cpu", "cuda"] = "cpu"
    save_audio: Literal["none", "report", "all"] = "report"
    limits: Limits = field(default_factory=Limits)
    tasks: Mapping[str, TaskData] = field(default_factory=dict)
    protocols: tuple[Literal["decoded", "tokens"], ...] = ("decoded",)
    probes: Probes = field(default_factory=Probes)
    conversion: Conversion = field(default_factory=Conversion)


def load(name: str, overrides: Sequence[tuple[str, Any]] = ()) -> Suite:
    """The suite `name`: one that ships, a YAML file, or a `run.json`, with ``(path, value)`` overrides applied.

    Raises:
        UserError: for an unknown suite, key, or value of the wrong kind.
    """
    raw = _raw(name)
    for path, value in overrides:
        _set(raw, path, value)
    return parsed(raw)


def parsed(raw: dict[str, Any]) -> Suite:
    """The suite in plain types, as YAML and `as_dict` have it.

    Raises:
        UserError: for an unknown key, or a value of the wrong kind.
    """
    suite: Suite = _build(Suite, _normal(raw), "")
    _check(suite)
    return suite


def shard_of(text: str) -> tuple[int, int]:
    """Which part of how many ``2/8`` is.

    Raises:
        UserError: when it is none.
    """
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UserError(f"data.shard: {text!r} is no part of several; write the second of eight as 2/8.")
    return int(part), int(parts)


def shipped() -> list[str]:
    """Names of the suites that come with the project."""
    return sorted(p.stem for p in FOLDER.glob("*.yaml"))


def as_dict(suite: Suite) -> dict[str, Any]:
    """The merged suite in plain types; `load` reads it back."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(suite)))
    return plain


def _raw(name: str) -> dict[str, Any]:
    path = FOLDER / f"{name}.yaml" if name in shipped() else Path(name)
    if not path.is_file():
        raise UserError(f"No suite called {name!r}, and no such file. {nearest(name, shipped())}")
    is_json = path.suffix == ".json"
    if path.stat().st_size > (largest := LARGEST_JSON if is_json else LARGEST_YAML):
        raise UserError(f"{path} is larger than {largest} bytes, which no suite is.")
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if is_json else yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "YAML"
        raise UserError(f"{path} is not a suite in {kind}: {' '.join(str(error).split())[:300]}") from error
    if isinstance(raw, dict) and is_json and "suite" in raw:
        raw = raw["suite"]
    if not isinstance(raw, dict):
        raise UserError(f"{path} is not a suite: its top level must be keys like `codecs:` and `channels:`.")
    return raw


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which nobody needs here and which grow without bound, and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed in a suite; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := [key for key, count in keys.items() if count > 1]:
            raise yaml.YAMLError(f"the key {twice[0]!r} stands twice in the group at line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        raw = raw.setdefault(parent, {})
        if not isinstance(raw, dict):
            raise UserError(f"--set {path}: {parent!r} holds no keys.")
    raw[last] = value


def _normal(raw: dict[str, Any]) -> dict[str, Any]:
    """Expand the short forms: a list of codecs names itself, entries of channels with lists become a grid."""
    raw = dict(raw)
    if isinstance(raw.get("codecs"), list):
        raw["codecs"] = {_text("codecs", c): c for c in raw["codecs"]}
    if isinstance(raw.get("playout"), dict) and "buffer_ms" in raw["playout"]:
        raise UserError(f"playout: write it as a component, playout: fixed:buffer_ms={raw['playout']['buffer_ms']}.")
    for key in GRID:
        if key in raw:
            listed = raw[key] if isinstance(raw[key], list) else [raw[key]]
            raw[key] = list(dict.fromkeys(text for entry in listed for text in _components(key, entry)))
    data = raw.get("data")
    if isinstance(data, dict) and isinstance(data.get("manifest"), str):
        raw["data"] = {**data, "manifest": [data["manifest"]]}
    probes = raw.get("probes")
    if isinstance(probes, dict) and isinstance(probes.get("seeds"), list):
        raw["probes"] = {**probes, "seeds": list({repr(seed): seed for seed in probes["seeds"]}.values())}
    if isinstance(raw.get("tasks"), dict):  # null takes one out
        raw["tasks"] = {label: entry for label, entry in raw["tasks"].items() if entry is not None}
    for key in ("metrics", "seeds", "concealment", "axes", "protocols"):
        if key in raw:
            listed = raw[key] if isinstance(raw[key], list) else [raw[key]]
            raw[key] = list({repr(value): value for value in listed}.values())
    return raw


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{key}: {shown(value)} is not a component; write NAME:key=value.")
    return value


def _components(key: str, entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [JOIN.join(str(parse(part)) for part in entry.split(JOIN))]
    if not (isinstance(entry, dict) and len(entry) == 1):
        raise UserError(f"{key}: {shown(entry)} is neither NAME:key=value nor NAME: {{key: value or [values]}}.")
    name, params = next(iter(entry.items()))
    if not isinstance(params, dict | None):
        raise UserError(f"{key}: {name}: {shown(params)} is not a group of keys; write {{key: value or [values]}}.")
    grid = {str(k): v if isinstance(v, list) else [v] for k, v in (params or {}).items()}
    if not 0 < (size := math.prod(len(v) for v in grid.values())) <= LARGEST_GRID:
        raise UserError(f"{key}: {name} expands to {size} conditions, 1 to {LARGEST_GRID} are allowed.")
    *before, last = str(name).split(JOIN)  # of a chain, the parameters are those of the last part
    points = itertools.product(*grid.values())
    made = [_component(f"{key}: {name}", last, dict(zip(grid, values, strict=True))) for values in points]
    return [JOIN.join([*(str(parse(part)) for part in before), text]) for text in made]


def _component(where: str, name: str, params: Mapping[str, Any]) -> str:
    for key, value in params.items():
        if not isinstance(value, str | int | float | None):
            raise UserError(f"{where}: {key}={shown(value)} is neither text, a number, true, false nor null.")
    parse(text := str(Spec(name, params)))
    return text


def _build(kind: Any, raw: Any, path: str) -> Any:
    """`raw` as a dataclass of `kind`, checked key by key."""
    if not isinstance(raw, dict):
        raise UserError(f"{path[:-1]}: {shown(raw)} is not a group of keys.")
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]
    for key in raw:
        if key not in known:
            raise UserError(f"Unknown key {path + str(key)!r}. {nearest(path + str(key), [path + k for k in known])}")
    return kind(**{key: _value(hints[key], value, path + key) for key, value in raw.items()})


def _value(hint: Any, value: Any, path: str) -> Any:
    if is_dataclass(hint):
        return _build(hint, value, path + ".")
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], item, path) for item in value)
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return {str(k): _value(get_args(hint)[1], v, f"{path}.{k}") for k, v in value.items()}
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UserError(f"{path}: {shown(value)} is not one of {', '.join(get_args(hint))}.")
        return value
    allowed = get_args(hint) or (hint,)
    if hint is bool and isinstance(value, bool):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and float in allowed:
        return float(value)
    if isinstance(value, bool) or get_origin(hint) in (tuple, Mapping) or not isinstance(value, allowed):
        raise UserError(f"{path}: {shown(value)} is not {_name(hint)}.")
    return value


def _name(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "a list"
    if get_origin(hint) is Mapping:
        return "labels with groups of keys" if is_dataclass(get_args(hint)[1]) else "a list, or labels with specs"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}
    return " or ".join(words[h] for h in get_args(hint) or (hint,))


def _check(suite: Suite) -> None:
    """What types cannot say."""
    for label, spec in suite.codecs.items():
        parse(spec)
        if not label.strip():
            raise UserError("codecs: a label is empty.")
    other = suite.tasks or suite.conversion.data  # a suite may have nothing but these
    scored = () if other else ("metrics",)
    for key in ("codecs", *GRID, "concealment", "seeds", "protocols", *scored):
        if not getattr(suite, key):
            raise UserError(f"{key} is empty: nothing to run.")
    if not (suite.data.manifest or other):
        raise UserError("data.manifest is empty, and there are neither tasks nor a conversion: nothing to run.")
    _check_tasks(suite)
    if suite.data.shard is not None:
        shard_of(suite.data.shard)
    if suite.header not in HEADERS:
        raise UserError(f"header: {suite.header!r} is not known. {nearest(suite.header, HEADERS)}")
    positive = {
        "data.limit": suite.data.limit,
        "conversion.pairs": suite.conversion.pairs,
        "limits.seconds": suite.limits.seconds,
    }
    positive |= {"limits.memory_mb": suite.limits.memory_mb}
    for path, number in positive.items():
        if number is not None and not 0 < number < math.inf:
            raise UserError(f"{path}: {number} must be above 0, and finite.")
    if not 0 <= suite.capture_ms <= 1000:
        raise UserError(f"capture_ms: {suite.capture_ms} must lie in 0 to 1000.")
    for group in suite.axes:
        for axis in group.split(JOIN):
            if axis not in GRID and suite.axes not in [(word,) for word in SPANS]:
                hint = nearest(axis, [*GRID, *SPANS])
                raise UserError(f"axes: {axis!r} is neither crossed, one_at_a_time nor an axis. {hint}")
    for text in suite.emodel.values():
        read(text)
    if suite.anchor is not None:
        parse(suite.anchor)
    if ANCHOR in suite.codecs:
        raise UserError(f"codecs: the label {ANCHOR!r} is that of the anchor; choose another.")


def _check_tasks(suite: Suite) -> None:
    for label, entry in suite.tasks.items():
        parse(entry.task or label)
        if not entry.data:
            raise UserError(f"tasks.{label}.data is missing: the manifest of its speech.")
        if entry.limit is not None and entry.limit < 1:
            raise UserError(f"tasks.{label}.limit: {entry.limit} must be 1 or more.")
    if not suite.probes.seeds:
        raise UserError("probes.seeds is empty: nothing to train.")
    if suite.tasks and suite.anchor is None and "decoded" in suite.protocols:
        raise UserError(
            "anchor: tasks need one, whose score is the ceiling of the codecs'; leave it out, or write pcm."
        )


def with_codecs(suite: Suite, codecs: Sequence[str]) -> Suite:
    """`suite` with these codecs in place of its own; each is SPEC or LABEL=SPEC."""
    named: dict[str, str] = {}
    for text in codecs:
        head, equals, tail = text.partition("=")
        label, spec = (head, tail) if equals and ":" not in head else (text, text)
        if label in named:
            raise UserError(f"--codec: the label {label!r} stands twice.")
        named[label] = spec
    known = {label: text for label, text in suite.emodel.items() if label in named or label not in suite.codecs}
    changed = replace(suite, codecs=named, emodel=known)
    _check(changed)
    return changed
