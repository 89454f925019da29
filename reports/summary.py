"""The table every report is made from: one pooled estimate per codec, condition, metric and reference."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.registry import nearest
from benchmark.stats import NOTHING, Estimate, pooled, widened
from benchmark.table import read
from benchmark.types import UserError
from reports.conditions import FILES, PLACE, Condition, conditions

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

SCHEMA = 1  # of run.json
AXES = ("codec", "protection", "concealment")  # the columns that make a series of a report
STRATEGIES = "concealments"  # of a codec, in run.json
LINK, PROBE, TOKENS = "link", "probe", "tokens"  # scorers of what the network did, of the codec alone, of its tokens
ANCHOR = "uncoded"  # the label of what the codecs were given, scored as if it had come out of one
ON_AUDIO, ON_TOKENS = "decoded", "tokens"  # by what a downstream task is answered; never pooled, never in one table
ANSWER = "_class"  # ends the names of values that say which class was found, not how well
INPUT = " · input"  # stands behind the name of a metric against what the codec was given
PRETTY = {
    "pesq_wb": "PESQ-WB",
    "pesq_nb": "PESQ-NB",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR",
    "mel_distance": "Mel distance",
    "stft_distance": "STFT distance",
    "mcd": "MCD",
    "mcd_frame": "MCD, frame by frame",
    "f0_rmse": "F0 error",
    "f0_corr": "F0 correlation",
    "vuv_error": "Voicing error",
    "level_db": "Level",
    "visqol": "ViSQOL",
    "plcmos": "PLCMOS",
    "dnsmos_ovrl": "DNSMOS overall",
    "dnsmos_sig": "DNSMOS speech",
    "dnsmos_bak": "DNSMOS background",
    "dnsmos_p808": "DNSMOS P.808",
    "utmos": "UTMOS",
    "nisqa_mos": "NISQA",
    "nisqa_noisiness": "NISQA noisiness",
    "nisqa_discontinuity": "NISQA discontinuity",
    "nisqa_coloration": "NISQA coloration",
    "nisqa_loudness": "NISQA loudness",
    "wer": "WER",
    "cer": "CER",
    "dwer": "dWER",
    "dcer": "dCER",
    "wer_delta": "WER less that of the reference audio",
    **{f"{d}wer_{kind}": f"{d}WER, {kind}" for d in ("", "d") for kind in ("insertions", "deletions", "substitutions")},
    **{
        f"spk_{kind}_{model}": f"{words}, {name}"
        for model, name in (("ecapa", "ECAPA-TDNN"), ("wavlm", "WavLM"), ("resemblyzer", "Resemblyzer"))
        for kind, words in (
            ("sim", "Speaker similarity"),
            ("same", "Similarity with the same speaker"),
            ("other", "Similarity with another speaker"),
        )
    },
    "net_bps": "Net bitrate",
    "payload_bps": "Payload bitrate",
    "wire_bps": "On-wire bitrate",
    "loss_rate": "Share lost",
    "late_rate": "Share late",
    "residual_loss": "Frames missing",
    "coarse_share": "Frames played in part",
    "redundancy_bps": "Redundancy",
    "latency_ms": "Latency",
    "recovery_ms": "Recovery",
    "token_error": "Token error",
    "token_bit_error": "Token bit error",
    "burst_ms": "Mean burst",
    "fec_share": "Frames with FEC",
    "delay_ms": "Delay of the file",
    "playout_ms": "Playout wait",
    "network_ms": "Network delay",
    "mouth_to_ear_ms": "Mouth to ear",
    "delay_impairment": "Delay impairment",
    "snr_db": "SNR",
    "input_gain_db": "Input gain",
    "bit_error_rate": "Bit error rate",
    "longest_burst_ms": "Longest burst",
    "window_mel_distance": "Mel distance in windows",
    "worst_window_mel_distance": "Mel distance, worst window",
    "packet_rate": "Packets per second",
    "macs_per_s": "Multiply-accumulates per second",
    "encode_rtf": "Encoder real-time factor",
    "decode_rtf": "Decoder real-time factor",
}
TASK_WORDS = {
    "accuracy": "accuracy",
    "error": "error rate",
    "recall": "unweighted recall",
    "class": "class found",
    "wer": "WER",
    "cer": "CER",
}
# Parts of what other values say, which stand beside them in sections of their own: recognised words, voices.
KINDS = ("insertions", "deletions", "substitutions")
DETAILS = ("spk_same_", "spk_other_", *(f"{d}wer_{kind}" for d in ("", "d") for kind in KINDS))
# Values against a transcript are the same whatever audio they are reported with.
TRANSCRIBED = ("wer", "cer", *(f"wer_{kind}" for kind in KINDS))
FIRST = (
    "pesq_wb",
    "plcmos",
    "utmos",
    "stoi",
    "estoi",
    "dwer",
    "wer",
    "spk_sim_ecapa",
    "spk_sim_wavlm",
    "spk_sim_resemblyzer",
    "dnsmos_ovrl",
    "si_sdr",
    "mel_distance",
    "pesq_nb",
)  # to look at


@dataclass(frozen=True, slots=True)
class Cell:
    """One codec, condition and metric: `asked` rows, of which `estimate.n` have a value."""

    estimate: Estimate
    asked: int
    statuses: Mapping[str, int]


EMPTY = Cell(NOTHING, 0, {})


@dataclass(frozen=True)
class Run:
    """A run folder, read and summarised.

    Attributes:
        facts: the content of `run.json`.
        rows: the results, with the columns `codec`, `condition` and `metric` that `cells` are keyed by.
        labels: what `codecs` calls a codec under one protection and with one loss strategy: its own label, and
            the others where the run has several.
        codecs: these labels, in the order of `run.json`.
        series: these, and behind them `ANCHOR` where it was scored.
        conditions: in the order of `run.json`.
        metrics: every name measured, the scores first.
        scores: the metrics that judge the sound.
        cells: by (codec, condition name, metric); what was never coded has met no network, and is the same on each.
        probes: what was found of a codec alone, by its own label and name.
        titles: names to print of metrics that `PRETTY` does not know.
        tasks: the downstream tasks, `ON_AUDIO` and `ON_TOKENS`, as far as there are any: nothing of these is in
            `rows`, `cells` and `scores`, but for the facts of the link where all of the run is tasks.
    """

    folder: Path
    facts: Mapping[str, Any]
    rows: "pd.DataFrame"
    labels: Mapping[tuple[str, str, str], str]
    codecs: tuple[str, ...]
    series: tuple[str, ...]
    conditions: tuple[Condition, ...]
    metrics: tuple[str, ...]
    scores: tuple[str, ...]
    cells: Mapping[tuple[str, str, str], Cell]
    probes: Mapping[tuple[str, str], float]
    titles: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, "Run"] = field(default_factory=dict)

    def cell(self, codec: str, condition: str, metric: str) -> Cell:
        """The cell, or the empty one where nothing was asked."""
        return self.cells.get((codec, condition, metric), EMPTY)

    def about(self, codec: str) -> Mapping[str, Any]:
        """What `run.json` says of the codec behind one of `codecs`."""
        found: Mapping[str, Any] = self.facts["codecs"].get(self.origin(codec), {})
        return found

    def origin(self, codec: str) -> str:
        """The label of the codec itself behind one of `codecs`."""
        return next((place[0] for place, label in self.labels.items() if label == codec), codec)

    @property
    def shown(self) -> tuple[str, ...]:
        """The scores, and the facts of the link that are worth a table and curves of their own; all have values."""
        several = len({protection for _, protection, _ in self.labels}) > 1
        wanted = [*(["residual_loss"] if several else []), "recovery_ms", "token_error", "token_bit_error"]
        own = [m for m in self.scores if not self.base(m).startswith(DETAILS) and m in self.versions(m)]
        valued = {metric for (_, _, metric), cell in self.cells.items() if cell.estimate.value is not None}
        return tuple(m for m in (*own, *(m for m in self.metrics if m in wanted)) if m in valued)

    @property
    def offered(self) -> tuple[str, ...]:
        """What a page can show: `shown`, where a metric against the input stands with that against clean speech."""
        return tuple(dict.fromkeys(metric.removesuffix(INPUT) for metric in self.shown))

    @property
    def loose(self) -> bool:
        """Whether it is of files that came from somewhere, without any codec or network that this run knows of."""
        return bool(self.conditions) and all(c.family == FILES for c in self.conditions)

    def overall(self, codec: str, metric: str) -> Cell:
        """The cell of the clean condition if it has a value, else of the first condition that has one."""
        clean_first = sorted(self.conditions, key=lambda c: not c.clean)
        found = (self.cell(codec, c.name, metric) for c in clean_first)
        return next((cell for cell in found if cell.estimate.value is not None), EMPTY)

    def base(self, metric: str) -> str:
        """The plain name of a metric, where several scorers report it under one name, or against several references."""
        return metric.partition(" · ")[0]

    def versions(self, metric: str) -> tuple[str, ...]:
        """The metric against clean speech and against the input, as far as there are both."""
        plain = metric.removesuffix(INPUT)
        found = tuple(m for m in (plain, plain + INPUT) if m in self.metrics)
        return found[:1] if self.base(metric) in TRANSCRIBED else found

    def named(self, metric: str) -> str:
        """The name to print, with what it was measured against wherever that could be mistaken."""
        name = self.titles.get(metric) or pretty(metric.removesuffix(INPUT))
        if metric.endswith(INPUT):
            return f"{name} against the input"
        return f"{name} against clean speech" if len(self.versions(metric)) > 1 else name

    def reference(self, metric: str) -> str:
        """What it was measured against: clean, input or loss_free; empty for the facts of the link."""
        found = self.rows.loc[self.rows["metric"] == metric, "reference"]
        return str(found.iloc[0]) if len(found) else ""

    def better(self, metric: str) -> str:
        """higher, lower or neither."""
        return str(self.facts["values"].get(self.base(metric), {}).get("better", "neither"))

    def unit(self, metric: str) -> str:
        """The unit of a metric, from `run.json`; empty when it has none."""
        return str(self.facts["values"].get(self.base(metric), {}).get("unit", ""))


def load(folder: Path, data: str | None = None) -> Run:
    """Read a run folder and pool its rows; of one data set where `data` names it.

    Raises:
        UserError: when it is no run folder, or one of another schema, or holds no such data.
    """
    rows, facts = read(folder), _facts(folder / "run.json")
    if data is not None:
        if data not in (names := sorted(rows["dataset"].unique())):
            raise UserError(f"{folder} holds no data set {data!r}. {nearest(data, names)}")
        rows = rows[rows["dataset"] == data].reset_index(drop=True)
    by = _answered_by(rows, facts)
    own, decoded, taught = (rows[by == way].copy() for way in ("", ON_AUDIO, ON_TOKENS))
    probed = own["scorer"].isin([PROBE, TOKENS])
    coded = own["codec"].ne(ANCHOR) & ~probed
    labels = _labels(facts, rows[by.isin(["", ON_AUDIO]) & rows["codec"].ne(ANCHOR) & ~_alone(rows)])
    probes = _probes(own[own["scorer"].eq(PROBE)])
    own["metric"] = _metric_names(own, probed)
    judged = ~own["scorer"].isin([LINK, PROBE, TOKENS]) & own["kind"].eq("value")
    scores = set(own.loc[judged, "metric"]) - {"delay_ms"}
    known = _conditioned(own, facts, labels, coded)
    cells = summarise(own[coded]) | _anchored(own[own["codec"] == ANCHOR], [c for c in known if not c.quiet])
    codecs, metrics = _codecs(facts, labels), sorted(own.loc[~probed, "metric"].unique(), key=_reading_order)
    run = Run(
        folder=folder,
        facts=facts,
        rows=own,
        labels=labels,
        codecs=codecs,
        series=(*codecs, ANCHOR) if any(codec == ANCHOR for codec, _, _ in cells) else codecs,
        conditions=known,
        metrics=tuple(metrics),
        scores=tuple(m for m in metrics if m in scores),
        cells=cells,
        probes=probes,
    )
    parts = {ON_AUDIO: (decoded, labels), ON_TOKENS: (taught, _labels(facts, taught.assign(concealment="")))}
    return replace(run, tasks={way: _tasked(run, way, *part) for way, part in parts.items() if len(part[0])})


def _alone(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """What was found of a codec, or of its tokens, in no condition."""
    return rows["scorer"].isin([PROBE, TOKENS])


def _answered_by(rows: "pd.DataFrame", facts: Mapping[str, Any]) -> "pd.Series[str]":
    """Per row what its task is answered by; empty where it is of no task.

    Of the speech of tasks, the facts of the link, of codecs and of tokens are of no task where the run has no other
    speech; else they are left out ("–"), so that no number of the page depends on which tasks there are.
    """
    tasks: Mapping[str, Mapping[str, Any]] = facts["tasks"]
    asked = rows["dataset"].isin(list(tasks))
    told = rows["scorer"].isin([LINK, PROBE, TOKENS]) | rows["kind"].ne("value")
    names = rows["dataset"].map({label: f"{task['name']}_tokens" for label, task in tasks.items()})
    probed = rows["scorer"].str.partition(":")[0].eq(names) if len(rows) else asked
    others = ~asked & ~_alone(rows) & rows["codec"].ne(ANCHOR)
    by: pd.Series[str] = asked.map({True: ON_AUDIO, False: ""}).mask(asked & probed, ON_TOKENS)
    return by.mask(asked & told, "–" if others.any() else "")


def _conditioned(
    rows: "pd.DataFrame", facts: Mapping[str, Any], labels: Mapping[Any, str], coded: "pd.Series[bool]"
) -> tuple[Condition, ...]:
    """Name the `condition` of each row, and its `codec` as the report does; returns the conditions of those `coded`."""
    known = conditions(facts, rows[coded])
    rows["condition"] = _mapped(rows, PLACE, {place: condition.name for place, condition in known.items()}).fillna("")
    alone = rows["codec"].map({codec: codec + _mark(codec, facts) for codec in rows["codec"].unique()})
    rows["codec"] = _mapped(rows, AXES, labels).fillna(alone)
    return tuple({c.name: c for c in known.values()}.values())


def _tasked(run: Run, way: str, rows: "pd.DataFrame", labels: Mapping[tuple[str, str, str], str]) -> Run:
    """The answers of all tasks, by `way`, as a run of their own, with the bitrates of `run`."""
    if way == ON_TOKENS:
        rows["concealment"] = ""  # nothing was concealed
    coded = rows["codec"].ne(ANCHOR) & rows["channel"].ne("")
    rows["metric"], titles = _task_metrics(rows, run.facts["tasks"])
    known = _conditioned(rows, run.facts, labels, coded if coded.any() else rows["channel"].ne(""))
    seeded = way == ON_TOKENS  # every seed is another network
    cells = summarise(rows[coded], seeded) | _anchored(rows[rows["codec"] == ANCHOR], known)
    rates = {key: cell for key, cell in run.cells.items() if key[2] == "net_bps"}
    present = set(rows["codec"])
    codecs = tuple(label for label in dict.fromkeys(labels.values()) if label in present)
    return replace(
        run,
        rows=rows,
        labels=labels,
        codecs=codecs,
        series=(*codecs, ANCHOR) if any(codec == ANCHOR for codec, _, _ in cells) else codecs,
        conditions=known,
        metrics=tuple(titles),
        scores=tuple(metric for metric in titles if not run.base(metric).endswith(ANSWER)),
        cells=rates | cells,
        titles=titles,
    )


def _task_metrics(
    rows: "pd.DataFrame", tasks: Mapping[str, Mapping[str, Any]]
) -> tuple["pd.Series[str]", dict[str, str]]:
    """The name of each row's value, with the task's label where several tasks have it, and what to print of each."""
    pairs = rows[["dataset", "name"]].drop_duplicates().sort_values(["dataset", "name"])
    several = pairs["name"].duplicated(keep=False)
    pairs["metric"] = pairs["name"].mask(several, pairs["name"] + " · " + pairs["dataset"])
    order = list(tasks)
    titles = {
        metric: _titled(name, tasks[label], f" ({label})" if several[place] else "")
        for place, label, name, metric in sorted(
            pairs.itertuples(name=None), key=lambda pair: (order.index(pair[1]), _worth(pair[2], tasks[pair[1]]))
        )
    }
    return _mapped(rows, ("dataset", "name"), {pair[:2]: pair[2] for pair in pairs.itertuples(False, None)}), titles


def _worth(name: str, task: Mapping[str, Any]) -> tuple[bool, str]:
    """What papers print comes first."""
    return name.replace("_tokens_", "_") != task["metric"], name


def _titled(name: str, task: Mapping[str, Any], which: str) -> str:
    """`Emotion from tokens, unweighted recall` for `emotion_tokens_recall`."""
    kind = name.removeprefix(task["name"]).removeprefix("_")
    source = " from tokens" if kind.startswith("tokens_") else ""
    kind = kind.removeprefix("tokens_")
    return f"{task['title']}{which}{source}, {TASK_WORDS.get(kind, kind.replace('_', ' '))}"


def _mapped(rows: "pd.DataFrame", columns: Sequence[str], names: Mapping[Any, str]) -> "pd.Series[str]":
    """Per row the name of what these columns hold together; nothing where it has none."""
    first, *others = (rows[column].astype(str) for column in columns)
    joined = first
    for other in others:
        joined = joined + "\0" + other
    found = {"\0".join(key): name for key, name in names.items()}
    return joined.map(found).astype(object)  # of floats where nothing is found, which could not be filled with text


def _probes(rows: "pd.DataFrame") -> dict[tuple[str, str], float]:
    found = rows[rows["status"].eq("ok") & rows["value"].notna()]
    return {(str(c), str(n)): float(v) for c, n, v in found[["codec", "name", "value"]].itertuples(index=False)}


def _anchored(rows: "pd.DataFrame", known: Iterable[Condition]) -> dict[tuple[str, str, str], Cell]:
    """Cells of what was never coded, in those of the `known` conditions that have its acoustics."""
    cells = summarise(rows.assign(condition=rows["acoustics"]))
    return {
        (codec, c.name, metric): cell
        for (codec, acoustics, metric), cell in cells.items()
        for c in known
        if c.acoustics.text == acoustics
    }


def _facts(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"No {path.name} in {path.parent}: this is not the folder of a finished run.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    found = facts.get("schema") if isinstance(facts, dict) else None
    if found != SCHEMA:
        raise UserError(f"{path} has schema {found}, this version reads {SCHEMA}. Run the suite again.")
    empty: dict[str, Any] = {
        "codecs": {},
        "conditions": [],
        "acoustics": [],
        "playouts": [],
        "protections": [],
        "values": {},
        "data": [],
        "scorers": {},
        "warnings": [],
        "tasks": {},
    }
    return {**empty, **facts}


def _metric_names(rows: "pd.DataFrame", probed: "pd.Series[bool]") -> "pd.Series[str]":
    """The name, with its scorer where two report it, and with what it was measured against where it is not usual."""
    names = rows["name"].astype(str)
    several = rows["scorer"].mask(probed).groupby(rows["name"]).transform("nunique") > 1
    names = names.mask(several & ~probed, names + " · " + rows["scorer"])
    others = rows["reference"].mask(rows["reference"] == "input").groupby(rows["name"]).transform("nunique") > 1
    names = names.mask(others & (rows["reference"] == "loss_free"), names + " · loss_free")
    return names.mask(rows["reference"] == "input", names + INPUT)


def _reading_order(metric: str) -> tuple[int, str]:
    name = metric.partition(" · ")[0]
    order = [*FIRST, *(n for n in PRETTY if n not in FIRST)]
    return (order.index(name) if name in order else len(FIRST), metric)


def _mark(codec: str, facts: Mapping[str, Any]) -> str:
    """What has to stand behind a label wherever it is read, unless it says so itself."""
    weights = facts["codecs"].get(codec, {}).get("identity", {}).get("weights", "")
    return " (random weights)" if weights.startswith("random") and "weights=random" not in codec else ""


def _labels(facts: Mapping[str, Any], rows: "pd.DataFrame") -> dict[tuple[str, str, str], str]:
    """A label for each codec, protection and strategy, in the order of `run.json`; pooling never crosses them."""
    titles = {p["protection"]: p["title"] for p in facts["protections"]}
    listed = [list(facts["codecs"]), list(titles), [n for c in facts["codecs"].values() for n in c.get(STRATEGIES, ())]]

    def rank(place: tuple[str, str, str]) -> list[int]:
        return [known.index(name) if name in known else len(known) for known, name in zip(listed, place, strict=True)]

    places = sorted(rows[list(AXES)].drop_duplicates().itertuples(index=False, name=None), key=lambda p: (rank(p), p))
    several = len({protection for _, protection, _ in places}) > 1
    found = {}
    for codec, protection, name in places:
        choice = len({n for c, _, n in places if c == codec}) > 1
        scheme = titles.get(protection, protection) if several else ""
        parts = [codec + _mark(codec, facts), scheme, name if choice else ""]
        found[codec, protection, name] = " · ".join(filter(None, parts))
    return found


def _codecs(facts: Mapping[str, Any], labels: Mapping[tuple[str, str, str], str]) -> tuple[str, ...]:
    """The labels; a codec without any row keeps its own."""
    seen = {codec for codec, _, _ in labels}
    return tuple(dict.fromkeys([*labels.values(), *(c for c in facts["codecs"] if c not in seen and c != ANCHOR)]))


def summarise(rows: "pd.DataFrame", seeded: bool = False) -> dict[tuple[str, str, str], Cell]:
    """Pool rows with columns `condition` and `metric` over utterances and seeds; clusters are speakers.

    Where a value of each seed is one of many that might have been (`seeded`), the intervals are of seeds too.
    """
    import pandas as pd

    rows = parts(rows)
    above, below = rows["above"].to_numpy(), rows["below"].to_numpy()
    valid = np.isfinite(above)
    clusters, _ = pd.factorize(clusters_of(rows))
    seeds = rows["seed"].to_numpy() if seeded else clusters
    status, names = pd.factorize(rows["status"])
    cells: dict[tuple[str, str, str], Cell] = {}
    indices: dict[Any, Any] = rows.groupby(["codec", "condition", "metric"], sort=False).indices
    for key, members in indices.items():
        kept = members[valid[members]]
        counts = np.bincount(status[members], minlength=len(names))
        estimate = pooled(above[kept], below[kept], clusters[kept])
        if seeded:
            estimate = widened(estimate, pooled(above[kept], below[kept], seeds[kept]))
        cells[key] = Cell(
            estimate,
            len(members),
            {str(name): int(n) for name, n in zip(names, counts, strict=True) if n},
        )
    return cells


def parts(rows: "pd.DataFrame") -> "pd.DataFrame":
    """With columns `above` and `below`: the parts of a ratio, else a value and 1; NaN where there is no value."""
    split = rows["numerator"].notna() & rows["denominator"].notna()
    fine = rows["status"].eq("ok") & rows["value"].notna()
    above = rows["numerator"].where(split, rows["value"]).where(fine)
    return rows.assign(above=above, below=rows["denominator"].where(split, 1.0).where(fine))


def clusters_of(rows: "pd.DataFrame") -> "pd.Series[str]":
    """Per row its speaker, or its utterance where nobody knows the speaker."""
    person = rows["speaker"].where(rows["speaker"] != "", rows["utterance"])
    return rows["dataset"] + "\0" + person


def pretty(metric: str) -> str:
    """The name to print: `PESQ-WB` for `pesq_wb`."""
    name, dot, scorer = metric.partition(" · ")
    return PRETTY.get(name, name) + dot + scorer


def decimals(values: Iterable[float | None]) -> int:
    """Digits after the point for all values of a metric: 3 below 1.5, 2 below 10, 1 below 100, else none."""
    largest = max((abs(v) for v in values if v is not None), default=0.0)
    return next((digits for digits, limit in ((3, 1.5), (2, 10), (1, 100)) if largest < limit), 0)


def precision(run: Run, metric: str) -> int:
    """Digits after the point for a metric of this run."""
    return decimals(cell.estimate.value for key, cell in run.cells.items() if key[2] == metric)


def number(value: float | None, digits: int) -> str:
    """A number in print: a true minus sign, a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return ("−" + text[1:] if float(text) < 0 else text[1:]) if text.startswith("-") else text
