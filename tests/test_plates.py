"""reports.plates: what is drawn for print, in what, and that hostile names stay text."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.cli import main
from benchmark.types import UserError
from reports import plates
from reports.summary import load
from tests.runs import conditions, make_jitter_run, make_noise_run, make_run
from tests.test_escape import HOSTILE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = [conditions()[i] for i in (0, 2, 3, 6, 7, 9)]
    return make_run(tmp_path_factory.mktemp("plates"), channels=few, per_speaker=1)


def drawn(run: Path, metric: str = "pesq_wb") -> dict[str, plates.Plate]:
    loaded = load(run)
    return {plate.axis: plate for plate in plates.plates(loaded, metric, plates.printed(loaded))}


def test_a_metric_is_drawn_over_bitrate_over_loss_and_by_other_conditions(run: Path) -> None:
    found = drawn(run)
    assert list(found) == ["net-rate", "wire-rate", "loss", "conditions"]
    assert [panel.title for panel in found["loss"].panels] == ["Random losses", "Losses in bursts ×2"]


def test_figures_are_one_or_two_columns_wide_with_the_legend_below_all_data(run: Path) -> None:
    loaded = load(run)
    look = plates.printed(loaded)
    for plate in drawn(run).values():
        with plates._paper():
            figure = plates.figured(plate, look)
            figure.draw_without_rendering()
        assert figure.get_figwidth() == (7.1 if len(plate.panels) > 1 else 3.5)
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        for axes in figure.axes:
            if axes.get_visible():
                assert box.y1 <= axes.get_tightbbox().y0
                assert axes.get_xlabel()


def test_values_drawn_are_those_of_the_table(run: Path) -> None:
    loaded = load(run)
    plate = drawn(run)["loss"]
    with plates._paper():
        figure = plates.figured(plate, plates.printed(loaded))
    lines = [np.asarray(line.get_ydata(), float) for line in figure.axes[0].lines]
    found = {tuple(np.round(line, 9)) for line in lines if len(line) == 3}
    names = [c.name for c in plate.conditions if c.clean or c.burst_ratio == 1]
    for codec in loaded.codecs:
        assert tuple(np.round([loaded.cell(codec, n, "pesq_wb").estimate.value for n in names], 9)) in found


def test_files_hold_their_fonts_no_date_and_are_equal_each_time(run: Path, tmp_path: Path) -> None:
    plate, look = drawn(run)["net-rate"], plates.printed(load(run))
    once, again = (
        [plates._draw(plate, look, tmp_path / f"{name}.{format}", format).read_bytes() for format in plates.FORMATS]
        for name in ("once", "again")
    )
    assert once == again
    assert b"/FontFile2" in once[0], "TrueType, embedded"
    assert b"CreationDate" not in once[0]
    assert b"<dc:date>" not in once[1]


def test_captions_say_n_data_seeds_and_intervals(run: Path, tmp_path: Path) -> None:
    written = {path.name for path in plates.write(run, tmp_path, ("png",), ["stoi"])}
    assert written == {f"stoi-{name}.png" for name in ("net-rate", "wire-rate", "loss", "conditions")} | {
        "captions.tex"
    }
    text = (tmp_path / "captions.tex").read_text()
    assert r"\includegraphics{stoi-loss}" in text
    assert r"\label{fig:stoi-loss}" in text
    for part in (
        r"95 \% intervals over 10 speakers",
        "n = 10 values a point",
        r"Data: read\_speech (10 utterances, 10 speakers). Seeds: 0.",
    ):
        assert part in text


def test_other_axes_have_figures_of_their_own(tmp_path: Path) -> None:
    assert "db-snr" in {plates.slug(axis) for axis in drawn(make_noise_run(tmp_path / "noise", ratios=(10, 0)))}
    playout = drawn(make_jitter_run(tmp_path / "jitter"))["playout"]
    assert playout.remark.startswith("Hollow: ")
    assert "quantile" in playout.remark


# --- Looks ---


def test_no_two_codecs_look_alike_even_without_colours(run: Path) -> None:
    look = plates.printed(load(run))
    assert len({(one.shape, one.line) for one in look.values()}) == len(look)
    assert len({one.ink for one in list(look.values())[:7]}) == min(7, len(look))


DEFICIENT = {  # Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as seen
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("eye", DEFICIENT)
def test_colours_are_told_apart_by_every_eye(eye: str) -> None:
    channels = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in plates.COLOURS])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENT[eye]).T, 0, 1)
    xyz = seen @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], (6 / 29) ** 3))
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(lab), 1)]
    assert apart.min() > 10, "a difference of 2 is just seen"


# --- Hostile names ---


def test_hostile_names_are_drawn_as_text_and_name_no_file(tmp_path: Path) -> None:
    label = r"$\input{/etc/passwd}$ <script>"
    folder = make_run(tmp_path / "run", codecs=("opus-6k", "pcm"), channels=conditions()[:3], rename=label)
    loaded = load(folder)
    with plates._paper():
        figure = plates.figured(drawn(folder)["net-rate"], plates.printed(loaded))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "opus-6k"
    assert texts[1].startswith(r"$\input{/etc/passwd}$")
    assert not any(text.get_parse_math() for text in figure.legends[0].get_texts())
    odd = drawn(folder)["loss"]._replace(metric="pesq_wb", axis="../../$x$\n<b>")
    assert plates._captioned(plates.slug(f"{odd.metric}-{odd.axis}"), odd).count("pesq-wb-x-b") == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=30) | st.sampled_from(HOSTILE))
def test_every_text_can_be_drawn(text: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with warnings.catch_warnings(), plates._paper():
        warnings.simplefilter("error")
        figure = Figure((1, 1))
        FigureCanvasAgg(figure)
        figure.text(0, 0.5, plates.shown(text))
        figure.draw_without_rendering()


# --- Command ---


def test_the_command_writes_what_is_asked(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures", str(run), "-o", str(tmp_path), "--format", "svg", "--metrics", "stoi"]) == 0
    said = capsys.readouterr().out.split()
    assert sorted(map(str, tmp_path.iterdir())) == sorted(said)
    assert all(Path(path).name.startswith(("stoi-", "captions")) for path in said)


def test_wrong_use_is_one_clear_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No figure format 'pfd'\. Did you mean 'pdf'"):
        plates.write(run, tmp_path, ("pfd",))
    with pytest.raises(UserError, match="Nothing to draw"):
        plates.write(make_run(tmp_path, codecs=("pcm",), channels=conditions()[:1], status="metric_failed"), tmp_path)
    with pytest.raises(UserError, match="No metric 'pesq'"):
        plates.write(run, tmp_path, ("pdf",), ["pesq"])
