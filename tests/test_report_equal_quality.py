"""The report's section on quality for the bits, on a made-up run whose rates of equal quality are planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import table
from reports.drawing import looks
from reports.equal_quality import EqualQuality, Line, Part, section
from reports.html import environment
from reports.summary import load
from tests.runs import conditions, make_run

MADE = "opus-12k"
OPUS = {f"Opus {k:g}k": (f"opus:bitrate={1000 * k:g},fec=true", 1e3 * k) for k in (6, 9, 12, 16, 24, 32)}
DEAR = {f"Dear {k:g}k": (f"dear:kbps={k:g}", 1e3 * k) for k in (14, 20, 28, 40)}  # needs twice the rate for all
ALONE = {"tiny": ("tiny:variant=1", 700.0), "near": ("near", 3000.0), "whole": ("pcm", 256_000.0)}
AS_GOOD = {"tiny": 10_000.0, "near": 2_000.0, "whole": 90_000.0} | {
    label: rate / 2 for label, (_, rate) in DEAR.items()
}


def quality(rate: float) -> float:
    return 1 + 3.5 / (1 + (rate / 1e4) ** -2.5)


def planted(folder: Path, codecs: dict[str, tuple[str, float]], speakers: int = 12) -> Path:
    """A run without loss whose PESQ is that of Opus at a rate; mel distance falls as it rises."""
    make_run(folder, codecs=(MADE,), channels=conditions()[:1], speakers=speakers)
    rows, facts = table.read(folder / "results.parquet"), json.loads((folder / "run.json").read_text())
    voices = np.random.default_rng(0).normal(0, 0.1, 99)
    found = []
    for seed, (label, (spec, rate)) in enumerate(codecs.items()):
        noise = np.random.default_rng(seed).normal(0, 0.03, len(rows))
        score = quality(AS_GOOD.get(label, rate)) + voices[rows["speaker"].astype(int)] + noise
        own = rows.assign(codec=label, codec_spec=spec)
        for name, value in (("pesq_wb", score), ("mel_distance", 9 - score)):
            own["value"] = own["value"].mask(own["name"] == name, value)
        for name, bits in (("net_bps", rate), ("wire_bps", rate + 16_000)):
            own["value"] = own["value"].mask(own["name"] == name, bits)
            own["numerator"] = own["numerator"].mask(own["name"] == name, bits * own["denominator"])
        found.append(own)
    facts["codecs"] = {label: facts["codecs"][MADE] | {"spec": spec} for label, (spec, _) in codecs.items()}
    table.write(pd.concat(found, ignore_index=True), folder / "results.parquet")
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> EqualQuality:
    found = section(load(planted(tmp_path_factory.mktemp("planted"), OPUS | DEAR | ALONE)))
    assert found
    return found


def part(told: EqualQuality, title: str) -> Part:
    return next(part for part in told.parts.values() if part.title == title)


def line(told: EqualQuality, codec: str, title: str = "PESQ-WB") -> Line:
    return next(line for line in part(told, title).lines if line.codec == codec)


def bounds(text: str) -> list[float]:
    return [float(end) for end in text.strip("[]").split(", ")]


@pytest.mark.parametrize("title", ["PESQ-WB", "Mel distance"])
def test_a_planted_rate_is_told_with_its_interval(told: EqualQuality, title: str) -> None:
    need = line(told, "tiny", title).needs[0]
    assert float(need.text) == pytest.approx(10, rel=0.04)
    low, high = bounds(need.interval)
    assert low < float(need.text) < high
    assert need.coverage.startswith("on the wire ")
    assert float(need.coverage.split()[-1]) == pytest.approx(float(need.text) + 16, abs=0.1)


def test_out_of_range_is_told_with_its_side(told: EqualQuality) -> None:
    less, more = (line(told, codec).needs[0] for codec in ("near", "whole"))
    assert (less.text, less.interval, less.coverage) == ("less than 6.00", "", "on the wire less than 22.0")
    assert (more.text, more.interval, more.coverage) == ("more than 32.0", "", "on the wire more than 48.0")


def test_families_are_of_one_parameter_and_do_not_need_themselves(told: EqualQuality) -> None:
    assert part(told, "PESQ-WB").families == ["Opus", "Dear"]
    assert line(told, "Opus 12k").needs[0].text == ""
    assert line(told, "Opus 12k").needs[1].text != ""
    assert float(line(told, "Dear 20k").needs[0].text) == pytest.approx(10, rel=0.04)


def test_sentences_say_it_in_words(told: EqualQuality) -> None:
    said = part(told, "PESQ-WB").sentences
    need = line(told, "tiny").needs[0]
    assert any(s.startswith("tiny (0.70 kbit/s) has PESQ-WB 2.") for s in said)
    assert any(s.endswith(f"Opus needs {need.text} {need.interval} kbit/s for this.") for s in said)
    assert "For the PESQ-WB of near, Opus needs less than 6.00 kbit/s, the end of its range." in said
    assert "For the PESQ-WB of whole, Opus needs more than 32.0 kbit/s, the end of its range." in said
    assert not any(s.startswith("Opus") for s in said)


def test_families_of_four_rates_have_a_delta(told: EqualQuality) -> None:
    (delta,) = part(told, "PESQ-WB").deltas
    assert delta.startswith("Dear takes ")
    assert float(delta.split()[2]) == pytest.approx(100, abs=8)
    assert "more bits than Opus for the same PESQ-WB (BD-rate, from " in delta


def test_the_front(told: EqualQuality) -> None:
    fronts = {line.codec: line.front for line in part(told, "PESQ-WB").lines}
    assert fronts["tiny"] == fronts["whole"] == fronts["Opus 32k"] == "yes"
    assert fronts["near"] == fronts["Dear 14k"] == "no"


def test_what_is_no_score_of_the_family_is_left_to_others(told: EqualQuality) -> None:
    assert set(told.parts) | set(told.others) == {f"m{at}" for at in range(len(told.parts) + len(told.others))}


def test_few_speakers_are_told_as_such(tmp_path: Path) -> None:
    found = section(load(planted(tmp_path, OPUS | ALONE, speakers=4)))
    assert found
    assert all((part.few, part.paired) == (True, "8") for part in found.parts.values())
    assert line(found, "tiny").needs[0].interval


def test_a_family_alone_has_its_table_and_needs_nothing(tmp_path: Path) -> None:
    found = section(load(planted(tmp_path, OPUS)))
    assert found
    assert (part(found, "PESQ-WB").sentences, part(found, "PESQ-WB").paired) == ([], "")
    assert [line.front for line in part(found, "PESQ-WB").lines] == ["yes"] * len(OPUS)


def test_no_family_no_section(tmp_path: Path) -> None:
    assert section(load(planted(tmp_path, dict(list(OPUS.items())[:2]) | ALONE))) is None


def test_nothing_measured_no_section(tmp_path: Path) -> None:
    assert section(load(make_run(tmp_path / "failed", status="metric_failed"))) is None
    lossy = make_run(tmp_path / "lossy", channels=conditions()[1:2])
    assert section(load(lossy)) is None


def test_the_page_shows_labels_as_text(tmp_path: Path) -> None:
    hostile = "<b>Opus</b> 9k"
    run = load(planted(tmp_path, OPUS | {"tiny <i>": ("tiny", 700.0), hostile: ("opus:bitrate=9500,fec=true", 9500.0)}))
    page = environment().get_template("equal_quality.html").render(equal_quality=section(run), looks=looks(run), few=10)
    assert "<b>Opus" not in page
    assert "tiny &lt;i&gt;" in page
    assert "kbit/s net" in page
