"""The report's section on tokens, on a made-up run whose statistics are planted."""

import html
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmark import table
from benchmark.bits import Indices, pack
from benchmark.codec import frame_of
from benchmark.table import Row
from benchmark.token_statistics import SCORER, statistics, stream
from benchmark.types import CodecInfo, Measured
from reports.drawing import looks
from reports.html import environment
from reports.summary import Run, load
from reports.tokens import HEADS, Tokens, section
from tests.runs import FEW, make_tandem_run

TWO = np.tile([3, 9], 1000).reshape(-1, 1)  # two codes equally often
BOOKS = np.stack([np.tile([0, 1], 40), np.tile([0, 1, 2, 3], 20)], axis=1)


def measured(tokens: Indices, bits: int, coverage: float = 1.0) -> list[Measured]:
    """What a run measures of these tokens, 50 a second."""
    codebooks = tokens.shape[1]
    about = CodecInfo(16_000, 16_000, 320, token_bits=bits, codebooks=codebooks, frame_bits=bits * codebooks)
    frames = [frame_of(about, i, pack(token, bits)) for i, token in enumerate(tokens)]
    values = statistics([stream(frames, about)], about, len(tokens) / 50)
    return [*values, Measured.ratio("token_coverage", round(100 * coverage), 100)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without token codecs."""
    return make_tandem_run(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def folder(plain: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(plain, tmp_path / "run")


def made(folder: Path, planted: Mapping[tuple[str, str], list[Measured]], **changes: str) -> Run:
    """The run with these values by codec and data set."""
    rows = table.read(folder)
    rows = rows[rows["name"].isin(["pesq_wb", "net_bps"])].groupby(["codec", "acoustics", "name"]).head(2)
    like = next(rows.itertuples(index=False, name=None))
    empty = {"playout": "", "utterance": "", "speaker": "", "reference": "", "header": "", "acoustics": "clean"}
    extra = [
        Row(*like)._replace(
            **empty | {"codec": codec, "dataset": dataset, "scorer": SCORER, "name": value.name} | changes,
            value=value.value,
            numerator=value.numerator,
            denominator=value.denominator,
            status=value.status,
            reason=value.reason,
        )
        for (codec, dataset), values in planted.items()
        for value in values
    ]
    kept = [Row(*row) for row in rows.itertuples(index=False, name=None)]
    table.write(table.frame([*kept, *extra]), folder / "results.parquet")
    return load(folder)


def found(run: Run) -> Tokens:
    tokens = section(run)
    assert tokens is not None
    return tokens


def rendered(run: Run, tokens: Tokens | None) -> str:
    return environment().get_template("tokens.html").render(tokens=tokens, looks=looks(run))


def text_of(page: str) -> str:
    bare = re.sub(r"<style>.*?</style>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).replace("\u00a0", " ").split())


def test_a_run_without_token_codecs_has_no_section(plain: Path) -> None:
    run = load(plain)
    assert section(run) is None
    assert not rendered(run, None).strip()


def test_two_codes_of_sixteen(folder: Path) -> None:
    run = made(folder, {("opus-6k", "read_speech"): measured(TWO, 4)})
    (line,) = found(run).lines
    texts = dict(zip([head for head, _ in HEADS], [field.text for field in line.fields], strict=True))
    assert texts == {
        "Codes": "16",
        "Tokens counted": "2,000",
        "Usage": "12.5 %",
        "Entropy, bits": "1.00",
        "Entropy of all codes": "25.0 %",
        "Entropy of codes used": "100.0 %",
        "Perplexity, codes": "2.0",
        "Nominal, kbit/s": "0.200",
        "Entropy-coded, kbit/s": "0.050",
    }
    assert [field.order for field in line.fields[:2]] == [16, 2000]
    assert (line.codec, line.few, line.missing, line.books) == ("opus-6k", "", "", ())
    page = text_of(rendered(run, found(run)))
    assert "opus-6k 16 2,000 12.5 % 1.00 25.0 % 100.0 % 2.0 0.200 0.050" in page
    assert "Which of its codes each codec uses on speech as it is." in page
    assert "Data" not in page
    assert "Each codebook" not in page


@pytest.mark.parametrize(("count", "few"), [(159, "few: 160 wanted"), (160, "")])
def test_too_few_tokens_are_marked(folder: Path, count: int, few: str) -> None:
    run = made(folder, {("opus-6k", "read_speech"): measured(TWO[:count], 4)})
    (line,) = found(run).lines
    assert line.few == few
    assert ("<small>few: 160 wanted</small>" in rendered(run, found(run))) == bool(few)


def test_missing_utterances_are_told(folder: Path) -> None:
    run = made(folder, {("opus-6k", "read_speech"): measured(TWO[:20], 4, coverage=0.75)})
    assert "few: 160 wanted; 25.0 % of utterances missing" in text_of(rendered(run, found(run)))


def test_several_codebooks_are_shown_each(folder: Path) -> None:
    run = made(folder, {("opus-6k", "read_speech"): measured(BOOKS, 3)})
    (line,) = found(run).lines
    assert [[field.text for field in book] for book in line.books] == [
        ["25.0 %", "1.00", "2.0"],
        ["50.0 %", "2.00", "4.1"],
    ]
    page = text_of(rendered(run, found(run)))
    assert "opus-6k 1 25.0 % 1.00 2.0 opus-6k 2 50.0 % 2.00 4.1" in page
    assert "With several codebooks, usage, entropies and perplexity are means" in page


def test_data_sets_are_named_where_there_are_several_and_codecs_keep_their_order(folder: Path) -> None:
    last, first = FEW[-1], FEW[0]
    places = [(last, "read_speech"), (first, "other"), (first, "read_speech")]
    run = made(folder, {place: measured(TWO, 4) for place in places})
    assert [(line.codec, line.dataset) for line in found(run).lines] == [
        (first, "other"),
        (first, "read_speech"),
        (last, "read_speech"),
    ]
    assert f"{first} other 16" in text_of(rendered(run, found(run)))


def test_one_code_alone_leaves_a_dash(folder: Path) -> None:
    run = made(folder, {("opus-6k", "read_speech"): measured(np.zeros((200, 1), np.int64), 4)})
    assert "6.2 % 0.00 0.0 % – 1.0 0.200 0.000" in text_of(rendered(run, found(run)))


def test_what_was_not_measured_is_no_line(folder: Path) -> None:
    failed = [Measured(value.name, None, "skipped", "no weights") for value in measured(TWO, 4)]
    assert section(made(folder, {("opus-6k", "read_speech"): failed})) is None


def test_another_room_is_named(folder: Path) -> None:
    planted = {("opus-6k", "read_speech"): measured(TWO, 4)}
    run = made(folder, planted, acoustics="tandem:generations=2")
    assert "uses on speech in one condition, generation 2." in text_of(rendered(run, found(run)))


def test_labels_are_escaped(folder: Path) -> None:
    run = made(folder, {("opus-6k", "<b>"): measured(TWO, 4), ("opus-6k", "read_speech"): measured(TWO, 4)})
    assert "<td>&lt;b&gt;</td>" in rendered(run, found(run))
