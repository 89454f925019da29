"""On what the numbers of a table or a plot were measured: data with their sizes, seeds, and version of the suite."""

from collections.abc import Collection

from reports.summary import ANCHOR, Run


def measured_on(run: Run, metrics: Collection[str]) -> str:
    """`Data: read_speech (20 utterances, 10 speakers). Seeds: 0. Made by focalbench 0.1.0.`, counted from the rows."""
    spoken = run.rows["codec"].ne(ANCHOR) & run.rows["utterance"].ne("")  # others are of no utterance
    rows = run.rows[run.rows["metric"].isin(list(metrics)) & spoken]
    told = []
    for name, part in rows.groupby("dataset", sort=True):
        speakers = part["speaker"].nunique() - int(part["speaker"].eq("").any())
        voices = counted(speakers, "speaker") if speakers else "speakers unknown"
        told.append(f"{name} ({counted(part['utterance'].nunique(), 'utterance')}, {voices})")
    seeds = ", ".join(map(str, sorted(rows["seed"].unique()))) or "none"
    return f"Data: {'; '.join(told) or 'none'}. Seeds: {seeds}. Made by {suite(run)}."


def counted(number: int, noun: str) -> str:
    """`1 speaker`, `2 speakers`."""
    return f"{number} {noun}" + "s" * (number != 1)


def suite(run: Run) -> str:
    """`focalbench 0.1.0 (b4d3dd82bf92)`."""
    made = run.facts.get("environment", {})
    revision = f" ({made['git']})" if made.get("git") else ""
    return f"focalbench {made.get('focalbench', 'of an unknown version')}{revision}"
