"""A baseline file: a run's values and provenance as text that a repository can hold and a reviewer can read.

JSON with one line per codec, condition and metric, so that a change of one is a change of one line. Values carry six
significant digits; whoever compares with them rounds the other side too, so that equal results stay exactly equal.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from benchmark.table import COLUMNS, Row, frame
from benchmark.types import Status, UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

FORMAT = 1  # bump when the file changes its meaning
DIGITS = 6
# Values of the link that are a codec's own doing; the others tell what the network did, which is the same for all.
OWN_LINK = ("net_bps", "wire_bps", "latency_ms")
SERIES = ("codec", "channel", "acoustics", "playout", "protection", "concealment", "header", "mode")
VALUE = ("scorer", "name", "reference", "unit", "seed")
# Of run.json: what must match, what is under test, and what the reader is told of the machine.
FACTS = (
    *("schema", "name", "title", "data", "tasks", "conditions", "acoustics", "protections", "playouts", "seeds"),
    *("probes", "conversion"),
    *("scorers", "resampler", "alignment", "header", "mode", "capture_ms", "device", "codecs", "values"),
    *("environment", "started"),
)
CODEC_FACTS = ("spec", "status", "reason", "fingerprint", "identity", "frame_ms", "lookahead_ms", "delay", "trained")


def rounded(value: float) -> float:
    """`value` with six significant digits."""
    return float(f"{value:.{DIGITS}g}")


def kept(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Which rows a baseline is made of: values of the codecs, without timings and the facts of the network."""
    own = rows["scorer"].ne("link") | rows["name"].isin(OWN_LINK)
    return own & rows["kind"].eq("value") & rows["codec"].ne("uncoded") & ~rows["name"].str.endswith("_class")


def text(facts: Mapping[str, Any], rows: "pd.DataFrame") -> str:
    """The file for a run with these facts and rows."""
    known = {name: facts[name] for name in FACTS if name in facts}
    known["codecs"] = {
        label: {name: codec[name] for name in CODEC_FACTS if name in codec} for label, codec in facts["codecs"].items()
    }
    parts: list[tuple[str, Any]] = [("focalbench_baseline", FORMAT), ("facts", known)]
    head = "".join(f'"{name}": {json.dumps(value, indent=1, sort_keys=True)},\n' for name, value in parts)
    return f'{{\n{head}"speech": {{\n{_speech(rows)}\n}},\n"values": [\n' + ",\n".join(_lines(rows)) + "\n]\n}\n"


def _speech(rows: "pd.DataFrame") -> str:
    """The utterances of each data set with their speakers, in the order of the lists of values."""
    pairs = rows.loc[kept(rows), ["dataset", "utterance", "speaker"]].sort_values(["utterance", "speaker"])
    pairs = pairs.drop_duplicates(["dataset", "utterance"], keep="last")  # a speaker, where any row knows one
    return ",\n".join(
        f"{json.dumps(dataset)}: " + json.dumps([list(p) for p in group.itertuples(index=False, name=None)])
        for dataset, group in pairs.groupby("dataset")[["utterance", "speaker"]]
    )


def _lines(rows: "pd.DataFrame") -> Iterator[str]:
    """Per codec, condition and value: what identifies it, then its values by utterance; a status where there is none.

    A ratio is kept as its parts.
    """
    chosen = rows[kept(rows)]
    order = {
        name: list(group)
        for name, group in chosen.groupby("dataset")["utterance"].agg(lambda u: sorted(set(u))).items()
    }
    for place, group in chosen.groupby([*SERIES, "dataset", *VALUE], sort=True):
        cells = dict(zip(group["utterance"], map(_cell, group.itertuples(index=False)), strict=True))
        values = [cells.get(utterance, "") for utterance in order[place[len(SERIES)]]]
        yield json.dumps([[*map(_plain, place)], values], separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _cell(row: Any) -> Any:
    if row.status != "ok" or row.value != row.value:
        return row.status
    if row.numerator == row.numerator and row.denominator == row.denominator:
        return [rounded(row.numerator), rounded(row.denominator)]
    return rounded(row.value)


def write(path: Path, facts: Mapping[str, Any], rows: "pd.DataFrame") -> None:
    """Write the baseline file of a run.

    Raises:
        UserError: when it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text(facts, rows), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"The baseline cannot be written to {path}: {error.strerror}.") from error


def read(path: Path) -> tuple[dict[str, Any], "pd.DataFrame"]:
    """The facts and the rows of a baseline file.

    Raises:
        UserError: when it is none, or one of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is no baseline file: {error}. `focalbench baseline RUN -o {path}` makes one."
        ) from error
    found = content.get("focalbench_baseline") if isinstance(content, dict) else None
    if found != FORMAT:
        raise UserError(
            f"{path} is a baseline of format {found}, this version reads {FORMAT}. Make it again from a run."
        )
    try:
        return content["facts"], frame(_rows(content))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {type(error).__name__} {error}. Make it again from a run.") from error


def _rows(content: Mapping[str, Any]) -> Iterator[Row]:
    known = (*SERIES, "dataset", *VALUE)
    blank = dict.fromkeys(COLUMNS, "") | {"kind": "value", "status": "ok", "numerator": None, "denominator": None}
    for place, values in content["values"]:
        common = blank | dict(zip(known, place, strict=True))
        if not isinstance(common["seed"], int) or not all(
            isinstance(common[name], str) for name in known if name != "seed"
        ):
            raise ValueError(f"{place} names no value")
        for (utterance, speaker), cell in zip(content["speech"][common["dataset"]], values, strict=True):
            if cell != "":
                yield Row(**common | {"utterance": utterance, "speaker": speaker} | _filled(cell))


def _filled(cell: Any) -> dict[str, Any]:
    if isinstance(cell, str) and cell in get_args(Status):
        return {"value": None, "status": cell}
    if isinstance(cell, list):
        above, below = map(_number, cell)
        return {"value": above / below if below else None, "numerator": above, "denominator": below}
    return {"value": _number(cell)}


def _number(cell: Any) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise ValueError(f"{cell!r} is neither a value nor a status")
    return float(cell)
