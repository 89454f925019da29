"""Runs of a CI matrix or a cluster's array joined into one run folder, as if one machine had done it all.

Codecs, data, shards of data, conditions, metrics and seeds may be split between the runs. Whatever decides a value has
to be equal in all of them; what is not, and is no list to be joined, is refused by name.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import suite, table
from benchmark.cache import ENTRIES
from benchmark.examples import JUDGES, SCENE
from benchmark.run import PASSING, make_writable, write_record
from benchmark.scenes import grid
from benchmark.store import SETTLED, digest, write_atomically
from benchmark.token_statistics import SCORER as TOKENS
from benchmark.types import UserError

if TYPE_CHECKING:  # pandas costs 0.4 s, and most commands never need it
    import pandas as pd

IDENTITY = (*table.ORDER[:-1], "acoustics", "playout", "protection", "concealment", "header", "mode", "codec_spec")
ALIKE = ("schema", "name", "resampler", "alignment", "capture_ms", "header", "mode", "device", "axes", "conversion")
CONDITIONS = {"conditions": "channel", "acoustics": "acoustics", "protections": "protection", "playouts": "playout"}
LISTS = ("acoustics", "channels", "protection", "playout", "concealment", "metrics", "seeds", "protocols")  # of suites
LABELLED = ("codecs", "tasks", "emodel")
FREE = ("name", "title", "data", "probes", "limits", "save_audio", "timing", "probe", *LISTS, *LABELLED)
LONGEST = 60  # letters of a value in an error


@dataclass(frozen=True)
class Part:
    """One of the runs: its folder, its `run.json` and its rows."""

    folder: Path
    record: Mapping[str, Any]
    rows: "pd.DataFrame"


@dataclass
class Dataset:
    """An entry of `data` in the making, and the checksums of its utterances."""

    entry: dict[str, Any]
    manifest: str  # as the suite names it
    files: dict[str, str] = field(default_factory=dict)


def merge(folders: Sequence[Path], out: Path) -> list[str]:
    """Join the runs in `folders` into the run folder `out`; what a reader should know of it.

    Equal rows stand there once. A failure gives way to a value; of timings, those of the first run are kept.

    Raises:
        UserError: naming what differs, before anything is written.
    """
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise UserError(f"--out {out} is one of the runs; give another folder.")
    parts = [_part(folder) for folder in folders]
    datasets = _datasets(parts)
    rows, notes = _rows(parts)
    record = _record(parts, datasets, rows)
    notes += [*_machines(parts), *_gaps(record, rows, parts, out)]
    told = [text for part in parts for text in part.record["warnings"] if not _settled(text, record["codecs"])]
    record["warnings"] = list(dict.fromkeys([*told, *notes]))
    make_writable(out)
    record["cache"] = str(_cache(parts, out))
    shown = {k: v for k, v in record.items() if k not in PASSING}
    record["contents"] = digest(table.contents(rows), shown)
    table.write(rows, out / "results.parquet")
    write_record(out, {**record, "contents": "unfinished"})
    _audio(parts, out)
    _entries(parts, out)
    write_record(out, record)
    return notes


def _part(folder: Path) -> Part:
    rows = table.read(folder)
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} has no run.json that can be read ({error}): it is no finished run.") from error
    if "suite" not in record:
        raise UserError(f"{folder} holds scores of files; only runs of suites can be merged.")
    if record.get("contents") == "unfinished" or "files" not in record:
        raise UserError(f"{folder} is not finished, or of an earlier version; run it again, nothing is computed twice.")
    return Part(folder, record, rows)


# --- Provenance ---


def _record(parts: Sequence[Part], datasets: Sequence[Dataset], rows: "pd.DataFrame") -> dict[str, Any]:
    first = parts[0].record
    for name in ALIKE:
        _same(parts, name, [part.record.get(name) for part in parts])
    joined = {name: _joined(parts, name, column) for name, column in CONDITIONS.items()}
    record = {
        **first,
        "suite": _suite(parts, datasets),
        "data": [_described(dataset, rows) for dataset in datasets],
        "files": [dict(sorted(dataset.files.items())) for dataset in datasets],
        **{name: list(entries.values()) for name, entries in joined.items()},
        **{name: _joined(parts, name) for name in ("tasks", "before", "values")},
        "scorers": _scorers(parts),
        "codecs": _codecs(parts),
        "concealment": _union(part.record["concealment"] for part in parts),
        "seeds": _union(part.record["seeds"] for part in parts),
    }
    for name in ("anchor", "probes"):  # not every part needs them
        if found := [part for part in parts if part.record.get(name) is not None]:
            _same(found, name, [_without_seeds(part.record[name]) for part in found])
            record[name] = found[0].record[name]
    if record.get("probes"):
        record["probes"] = {**record["probes"], "seeds": record["suite"]["probes"]["seeds"]}
    return record | _work(parts)


def _work(parts: Sequence[Part]) -> dict[str, Any]:
    """When and where it was done, and how much there was to do."""
    efforts = [part.record["effort"] for part in parts]
    told = ("started", "finished", "command", "environment", "contents")
    return {
        "started": min(part.record["started"] for part in parts),
        "finished": max(part.record["finished"] for part in parts),
        "wall_seconds": round(sum(part.record["wall_seconds"] for part in parts), 3),
        "command": "; ".join(dict.fromkeys(part.record["command"] for part in parts)),
        "effort": {
            name: sum(effort[name] for effort in efforts)
            for name in ("codec_seconds", "metric_seconds", "start_seconds", "computed", "cached", "wall_seconds")
        },
        "merged": [{"run": str(p.folder), **{name: p.record[name] for name in told}} for p in parts],
    }


def _same(parts: Sequence[Part], name: str, values: Sequence[Any]) -> Any:
    """The one value that all have.

    Raises:
        UserError: when they differ.
    """
    for part, value in zip(parts[1:], values[1:], strict=True):
        if value != values[0]:
            raise UserError(
                f"{name} is {_short(values[0])} in {parts[0].folder}, {_short(value)} in {part.folder}: runs that "
                "differ in it cannot be merged. Run both alike."
            )
    return values[0]


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _union(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """All that is in any of the lists, once, in order."""
    return list({json.dumps(value, sort_keys=True): value for one in lists for value in one}.values())


def _joined(parts: Sequence[Part], name: str, column: str = "") -> dict[str, Any]:
    """Named entries of all parts; in a list, `column` holds the name. Those of one name must be equal."""
    found: dict[str, tuple[Part, Any]] = {}
    for part in parts:
        listed = part.record.get(name) or {}
        for label, entry in [(e[column], e) for e in listed] if column else listed.items():
            other, known = found.setdefault(label, (part, entry))
            _same([other, part], f"{name}.{label}", [known, entry])
    return {label: entry for label, (_, entry) in found.items()}


def _scorers(parts: Sequence[Part]) -> dict[str, Any]:
    """As entries of one name; the names of values asked of a scorer are joined."""
    found: dict[str, tuple[Part, dict[str, Any]]] = {}
    for part in parts:
        for label, entry in part.record["scorers"].items():
            other, known = found.setdefault(label, (part, entry))
            for name in ("versions", "fingerprint"):
                _same([other, part], f"scorers.{label}.{name}", [known[name], entry[name]])
            found[label] = (other, {**known, "values": _union([known["values"], entry["values"]])})
    return {label: entry for label, (_, entry) in found.items()}


def _codecs(parts: Sequence[Part]) -> dict[str, Any]:
    """The facts of every codec; where it ran nowhere but in some of the parts, as these have them."""
    found: dict[str, tuple[Part, dict[str, Any]]] = {}
    for part in parts:
        for label, entry in part.record["codecs"].items():
            other, known = found.setdefault(label, (part, entry))
            if entry["status"] == known["status"] == "ok":
                for name in dict.fromkeys([*known, *entry]):
                    _same([other, part], f"codecs.{label}.{name}", [known.get(name), entry.get(name)])
            _same([other, part], f"codecs.{label}.spec", [known["spec"], entry["spec"]])
            if known["status"] != "ok" == entry["status"]:
                found[label] = part, entry
    return {label: entry for label, (_, entry) in found.items()}


def _suite(parts: Sequence[Part], datasets: Sequence[Dataset]) -> dict[str, Any]:
    """The suite that asks for all of it.

    Raises:
        UserError: naming a key that differs and is no list to be joined.
    """
    suites = [part.record["suite"] for part in parts]
    for name in suites[0].keys() - set(FREE):
        _same(parts, f"suite.{name}", [one.get(name) for one in suites])
    for name in ("split", "limit", "by"):
        _same(parts, f"suite.data.{name}", [one["data"].get(name) for one in suites])
    _same(parts, "suite.probes", [_without_seeds(one.get("probes")) for one in suites])
    whole = {**suites[0], **{name: _union(one[name] for one in suites) for name in LISTS if name in suites[0]}}
    for name in LABELLED:
        whole[name] = {label: entry for one in suites for label, entry in (one.get(name) or {}).items()}
    for name in ("timing", "probe"):
        whole[name] = any(one.get(name) for one in suites)
    shards = {one["data"].get("shard") for one in suites}
    manifests = list(dict.fromkeys(dataset.manifest for dataset in datasets))
    shard = shards.pop() if len(shards) == 1 else None
    whole["data"] = {**suites[0]["data"], "manifest": manifests, "shard": shard}
    whole["probes"] = {**suites[0]["probes"], "seeds": _union(one["probes"]["seeds"] for one in suites)}
    return whole


def _without_seeds(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (facts or {}).items() if name != "seeds"}


def _settled(text: str, codecs: Mapping[str, Any]) -> bool:
    """Whether a warning is of a codec that ran in another part."""
    return any(text.startswith(f"{label} did not run") and facts["status"] == "ok" for label, facts in codecs.items())


# --- Data ---


def _datasets(parts: Sequence[Part]) -> list[Dataset]:
    """The data of all parts; those of one name are one where they are of one manifest, or the same files.

    Raises:
        UserError: when an utterance is another file elsewhere, or in two data sets.
    """
    found: list[Dataset] = []
    for part in parts:
        sources = dict.fromkeys(entry["manifest"] for entry in part.record["data"])  # each may be several data sets
        names = dict(zip(sources, part.record["suite"]["data"]["manifest"], strict=True))
        for entry, files in zip(part.record["data"], part.record["files"], strict=True):
            known = next((one for one in found if _is(one, entry, files)), None)
            if known is None:
                known = Dataset(dict(entry), names[entry["manifest"]])
                found.append(known)
            for id, sha256 in files.items():
                if known.files.setdefault(id, sha256) != sha256:
                    raise UserError(
                        f"data.{entry['name']}: the audio of {id!r} in {part.folder} is another than in the runs "
                        "before it. Runs that differ in it cannot be merged."
                    )
    _refuse_twice(found)
    return found


def _is(one: Dataset, entry: Mapping[str, Any], files: Mapping[str, str]) -> bool:
    return one.entry["name"] == entry["name"] and (one.entry["manifest"] == entry["manifest"] or one.files == files)


def _refuse_twice(datasets: Sequence[Dataset]) -> None:
    of: dict[str, Dataset] = {}
    for dataset in datasets:
        for id in dataset.files:
            if (other := of.setdefault(id, dataset)) is not dataset:
                both = f"{other.entry['manifest']} and {dataset.entry['manifest']}"
                raise UserError(f"data: the utterance {id!r} stands in {both}; ids must be unique over all of a run.")


def _described(dataset: Dataset, rows: "pd.DataFrame") -> dict[str, Any]:
    """The entry of a data set that was joined."""
    files = dataset.files
    mine = rows[rows["utterance"].isin(list(files)) & rows["dataset"].eq(dataset.entry["name"])]
    rates = mine[mine["name"].eq("net_bps") & mine["status"].eq("ok")].drop_duplicates("utterance")
    return dataset.entry | {
        "utterances": len(files),
        "speakers": len(set(mine["speaker"]) - {""}),
        "sha256": digest("data", sorted([id, sha256] for id, sha256 in files.items())),
        "seconds": round(float(rates["denominator"].sum()), 3),
    }


# --- Rows ---


def _rows(parts: Sequence[Part]) -> tuple["pd.DataFrame", list[str]]:
    """All rows, each once, in the order of every table; and what became of those that did not agree.

    Raises:
        UserError: when two runs have different values for one and the same thing.
    """
    import pandas as pd

    every = pd.concat([part.rows.assign(part=number) for number, part in enumerate(parts)], ignore_index=True)
    every, notes = _without_statistics(every, parts)
    every = every.drop_duplicates(list(table.COLUMNS))
    several = every.duplicated(list(IDENTITY), keep=False)
    doubtful, keys = every[several], list(IDENTITY)
    settled = doubtful["status"].isin(SETTLED) & doubtful["kind"].eq("value")
    known = settled.groupby([doubtful[key] for key in keys], dropna=False).transform("any")
    valued = doubtful[settled]
    _refuse_conflicts(valued[valued.duplicated(keys, keep=False)], parts)
    if count := int((known & ~settled).sum()):
        notes.append(f"{count} rows that failed in one run have values in another, which were taken")
    untold = doubtful[~known].drop_duplicates(keys)  # timings, and what failed everywhere
    return table.ordered(pd.concat([every[~several], valued, untold])[list(table.COLUMNS)]), notes


def _without_statistics(rows: "pd.DataFrame", parts: Sequence[Part]) -> tuple["pd.DataFrame", list[str]]:
    """Of values of all utterances together, one of each; none where the parts heard different utterances."""
    told = rows["scorer"].eq(TOKENS)
    heard = [part.record["files"] for part in parts]
    if told.any() and any(files != heard[0] for files in heard):
        text = "statistics of tokens are of all utterances together and cannot be joined; run the merged suite for them"
        return rows[~told], [text]
    again = rows[told].duplicated(["codec", "dataset", "name"]).reindex(rows.index, fill_value=False)
    return rows[~again], []


def _refuse_conflicts(rows: "pd.DataFrame", parts: Sequence[Part]) -> None:
    """Raise UserError where rows with one identity hold different values, or are of different codecs."""
    if not len(rows):
        return
    named = rows.sort_values([*IDENTITY, "part"], kind="stable")
    one, other = named.iloc[0], named.iloc[1]
    values = [row["status"] if row["value"] != row["value"] else f"{row['value']:.6g}" for row in (one, other)]
    why = "their codecs, metrics or data differ" if one["key"] != other["key"] else "it is not deterministic"
    raise UserError(
        f"{len(rows) // 2} values are there twice and differ: {one['name']} of {one['codec']} for {one['utterance']!r} "
        f"under {one['channel']} is {values[0]} in {parts[one['part']].folder}, {values[1]} in "
        f"{parts[other['part']].folder} ({why}). Take one of the runs out."
    )


# --- What a reader should know ---


def _machines(parts: Sequence[Part]) -> Iterator[str]:
    """That timings do not compare, where there are any of several machines."""
    places = [{name: p.record["environment"].get(name) for name in ("cpu", "cores", "python")} for p in parts]
    timed = [place for place, part in zip(places, parts, strict=True) if part.rows["kind"].ne("value").any()]
    if any(place != timed[0] for place in timed):
        yield "the runs that were merged were timed on different machines: their timings do not compare"


def _gaps(record: Mapping[str, Any], rows: "pd.DataFrame", parts: Sequence[Part], out: Path) -> Iterator[str]:
    """What the merged suite asks for and none of the runs has."""
    shards = {part.record["suite"]["data"].get("shard") or "" for part in parts}
    if len(shards) > 1:
        count = max(suite.shard_of(shard)[1] for shard in shards if shard)
        if missing := [f"{n}/{count}" for n in range(1, count + 1) if f"{n}/{count}" not in shards]:
            yield f"of the data, these shards are missing: {', '.join(missing)}"
    asked = suite.parsed(json.loads(json.dumps(record["suite"])))
    spoken = rows[rows["utterance"].isin([id for files in record["files"] for id in files])]
    trials = spoken.drop_duplicates(["codec", *SCENE, "seed", "utterance"])
    found = int(trials["codec"].isin(list(record["codecs"])).sum())
    utterances = sum(map(len, record["files"]))
    wanted = len(record["codecs"]) * len(grid(asked)) * len(record["seeds"]) * utterances
    if found < wanted:
        yield (
            f"{wanted - found} of {wanted} trials are in none of the runs; "
            f"`focalbench run {out}/run.json --out {out}` does them"
        )


# --- Files ---


def _cache(parts: Sequence[Part], out: Path) -> Path:
    """The store that all parts share; else one of our own, with the measured delays, which replay needs."""
    stores = {part.record["cache"] for part in parts}
    if len(stores) == 1:
        return Path(stores.pop())
    own = out.resolve() / "cache"
    for store in map(Path, sorted(stores)):
        if (delays := store / "delays").is_dir():
            shutil.copytree(delays, own / "delays", dirs_exist_ok=True)
    return own


def _audio(parts: Sequence[Part], out: Path) -> None:
    """The examples of all parts: of each codec one that was chosen, its worst, and all that were asked for."""
    shutil.rmtree(out / "audio", ignore_errors=True)
    indices = [(part, json.loads(path.read_text("utf-8"))) for part in parts if (path := _index(part)).is_file()]
    if not indices:
        return
    (out / "audio").mkdir()
    kept = _examples([(part, entry) for part, index in indices for entry in index])
    for part, entry in kept:
        for kind in ("reference", "clean", "degraded", "heard"):
            if kind in entry:  # by its name alone, which leads nowhere else; files of one name are of one content
                name = Path(entry[kind]).name
                shutil.copyfile(part.folder / "audio" / name, out / "audio" / name)
    index = json.dumps([entry for _, entry in kept], indent=1, ensure_ascii=False)
    write_atomically(out / "audio" / "index.json", index.encode())


def _index(part: Part) -> Path:
    return part.folder / "audio" / "index.json"


def _examples(every: Sequence[tuple[Part, dict[str, Any]]]) -> list[tuple[Part, dict[str, Any]]]:
    """Each once. Of what was chosen, and of the worst, one of a codec, under loss or in noise where there is any."""
    judge = next((name for name in JUDGES if any(name in entry["values"] for _, entry in every)), None)
    found: dict[tuple[str, ...], tuple[Part, dict[str, Any]]] = {}
    for part, entry in every:
        scene = tuple(str(entry[name]) for name in (*SCENE, "seed"))
        series = (entry["why"], entry["codec"], entry["protection"], entry["concealment"])
        place = {"chosen": series, "worst": series[:2]}.get(entry["why"], (*series, *scene, entry["utterance"]))
        if place not in found or _rank(entry, judge) < _rank(found[place][1], judge):
            found[place] = part, entry
    return list(found.values())


def _rank(entry: Mapping[str, Any], judge: str | None) -> tuple[bool, float]:
    """The lowest is heard."""
    plain = entry["channel"] == entry["acoustics"] == "clean"
    judged = entry["values"].get(judge, float("inf")) if entry["why"] == "worst" else 0.0
    return plain, float(judged)


def _entries(parts: Sequence[Part], out: Path) -> None:
    """What any of the parts asks of the store."""
    known = [part.folder / ENTRIES for part in parts]
    lines = {line for path in known if path.is_file() for line in path.read_text("ascii").split()}
    write_atomically(out / ENTRIES, "".join(f"{line}\n" for line in sorted(lines)).encode())
