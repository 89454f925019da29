"""Probes on tokens, from the codec to the table: planted answers are found, chance is chance, and nothing leaks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.stats import binomtest

from benchmark.bench import Bench
from benchmark.hosts import CodecHost
from benchmark.registry import parse
from benchmark.store import Store
from benchmark.token_vectors import vectors
from benchmark.types import UserError
from reports import html
from tests.quick import make_run, suite
from tests.test_downstream import tones
from tests.toytokens import Toy
from tests.whistler import Whistler

KNOWING, DEAF, PLAIN = "tests.whistler:Whistler", "tests.whistler:Whistler:deaf=true", "pcm"
TONE, TUNE = "tests.toytasks:Tone", "tests.toytexts:Tune"
LOSS, ALL = "bernoulli:loss=0.3", "bernoulli:loss=1"
NAME = "tone_tokens_accuracy"


def probed(out: Path, tasks: dict[str, Any], *codecs: str, **keys: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    chosen = {"recipe": "shallow", "seeds": [0], **keys.pop("probes", {})}
    plain: dict[str, Any] = {"data.manifest": [], "data.limit": None, "metrics": [], "protocols": ["tokens"]}
    plain |= {"tasks": tasks, "probes": chosen, "channels": ["clean", LOSS, ALL]}
    return make_run(suite(*codecs, **(plain | keys)), out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probes")


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    return tones(folder / "tones", takes=4)


@pytest.fixture(scope="module")
def tasks(path: Path) -> dict[str, Any]:
    """The tone, and a label that was drawn for each utterance."""
    generator = np.random.default_rng(1)
    lines = path.read_text().splitlines()
    drawn = ["drawn", *generator.choice(["a", "b", "c"], len(lines) - 1).tolist()]
    path.write_text("\n".join(f"{line},{label}" for line, label in zip(lines, drawn, strict=True)) + "\n")
    return {
        "it": {"data": str(path), "task": TONE},
        "drawn": {"data": str(path), "task": TONE, "label": "drawn"},
    }


@pytest.fixture(scope="module")
def ran(folder: Path, tasks: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    return probed(folder / "out", tasks, KNOWING, DEAF, PLAIN, probes={"seeds": [0, 1, 2]})


def contains_chance(rows: pd.DataFrame) -> bool:
    assert len(rows) == 24
    interval = binomtest(int(rows["value"].sum()), len(rows)).proportion_ci(0.95, "wilson")
    return bool(interval.low <= 1 / 3 <= interval.high)


@pytest.fixture(scope="module")
def knowing(ran: tuple[pd.DataFrame, dict[str, Any]]) -> pd.DataFrame:
    return ran[0].query(f"codec == '{KNOWING}' and dataset == 'it'")


def test_tokens_that_carry_the_label_are_understood(knowing: pd.DataFrame):
    rows = knowing.query(f"name == '{NAME}' and channel != '{ALL}'")
    assert rows.groupby(["channel", "seed"]).size().to_dict() == {(c, s): 24 for c in ("clean", LOSS) for s in range(3)}
    assert rows["value"].eq(1).all()
    assert set(rows["scorer"]) == {"tone_tokens:damage=test,input=tokens,recipe=shallow"}


def test_tokens_that_carry_nothing_are_chance(ran: tuple[pd.DataFrame, dict[str, Any]]):
    plain = f"name == '{NAME}' and channel == 'clean' and dataset == 'it'"
    assert contains_chance(ran[0].query(f"codec == '{DEAF}' and {plain} and seed == 0"))


def test_labels_that_were_drawn_are_chance(ran: tuple[pd.DataFrame, dict[str, Any]]):
    plain = f"name == '{NAME}' and channel == 'clean' and dataset == 'drawn'"
    assert contains_chance(ran[0].query(f"codec == '{KNOWING}' and {plain} and seed == 0"))


def test_tokens_that_are_all_lost_give_one_answer(knowing: pd.DataFrame):
    rows = knowing.query(f"channel == '{ALL}'")
    assert rows.query("name == 'tone_tokens_class'").groupby("seed")["value"].nunique().eq(1).all()
    assert rows.query(f"name == '{NAME}'")["value"].mean() == pytest.approx(1 / 3)


def test_a_codec_without_tokens_says_so_once(ran: tuple[pd.DataFrame, dict[str, Any]]):
    rows = ran[0].query(f"codec == '{PLAIN}' and dataset == 'it'")
    assert set(rows["status"]) == {"not_applicable"}
    assert set(rows["reason"]) == {"this codec sends no tokens"}
    assert rows["name"].is_unique


def test_what_was_asked_is_told(ran: tuple[pd.DataFrame, dict[str, Any]]):
    record = ran[1]
    assert record["probes"]["recipe"] == "shallow"
    assert record["probes"]["seeds"] == [0, 1, 2]
    assert record["probes"]["facts"]["epochs"] > 0
    assert record["values"][NAME]["better"] == "higher"
    assert "decoded" not in record["suite"]["protocols"]


def test_a_report_on_tokens_alone_says_what_was_found(ran: tuple[pd.DataFrame, dict[str, Any]], folder: Path):
    page = html.render(folder / "out")
    assert "from tokens: accuracy 100.0 % (tests.whistler:Whistler)" in page
    assert "Nothing was measured" not in page
    assert ran[1]["tasks"]["it"]["protocol"] == "tone-1"


def test_a_second_run_teaches_nobody(
    ran: tuple[pd.DataFrame, dict[str, Any]], folder: Path, tasks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Bench, "probe", lambda *_, **__: pytest.fail("all is known"))
    again, _ = probed(folder / "out", tasks, KNOWING, DEAF, PLAIN, probes={"seeds": [0, 1, 2]})
    pd.testing.assert_frame_equal(ran[0], again)


def test_an_interrupted_training_goes_on_to_the_same_scores(
    knowing: pd.DataFrame, tasks: dict[str, Any], tmp_path: Path
):
    saved: list[int] = []
    save = Store.save_probe

    def counted(store: Store, key: str, checkpoint: bytes) -> None:
        save(store, key, checkpoint)
        saved.append(len(checkpoint))
        if len(saved) == 3:
            raise KeyboardInterrupt

    tone = {"it": tasks["it"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "save_probe", counted)
        with pytest.raises(KeyboardInterrupt):
            probed(tmp_path / "out", tone, KNOWING)
        assert len(saved) == 3
        again, _ = probed(tmp_path / "out", tone, KNOWING)
    assert len(saved) > 3
    pd.testing.assert_frame_equal(knowing[knowing["seed"] == 0].reset_index(drop=True), again)


def test_damage_on_both_sides_teaches_for_every_scene(tasks: dict[str, Any], tmp_path: Path):
    both = {"probes": {"damage": "both"}, "channels": ["clean", LOSS]}
    results, _ = probed(tmp_path / "out", {"it": tasks["it"]}, KNOWING, **both)
    rows = results[results["name"] == NAME]
    assert rows.groupby("channel").size().to_dict() == {"clean": 24, LOSS: 24}
    assert rows["key"].is_unique
    assert rows["value"].eq(1).all()
    assert set(rows["scorer"]) == {"tone_tokens:damage=both,input=tokens,recipe=shallow"}
    assert len(list((tmp_path / "out" / "cache" / "probes").rglob("*.pt"))) == 2


def test_a_text_is_counted_word_by_word(tmp_path: Path):
    tune = {"tune": {"data": str(tunes(tmp_path / "tunes")), "task": TUNE}}
    results, _ = probed(tmp_path / "out", tune, KNOWING, channels=["clean"], probes={"recipe": "small"})
    rows = results.query("name == 'tune_tokens_wer'")
    assert set(rows["denominator"]) == {3.0}
    assert rows["numerator"].sum() / rows["denominator"].sum() < 0.2
    assert len(results.query("name == 'tune_tokens_cer'")) == len(rows) == 8


def tunes(folder: Path) -> Path:
    """Eight speakers, and eight others, whistle three tones in turn, the words of which are the transcript."""
    folder.mkdir()
    words, rows = {"a": 500.0, "e": 1000.0, "o": 2000.0}, ["id,path,speaker,split,transcript,language"]
    generator = np.random.default_rng(0)
    for number in range(248):
        said = generator.permutation(list(words))
        parts = [np.sin(2 * np.pi * words[w] * np.arange(2400) / 16_000) * np.hanning(2400) ** 0.2 for w in said]
        loudness = 0.2 + number / 1000  # so that no two files are equal
        soundfile.write(folder / f"{number}.wav", loudness * np.concatenate(parts), 16_000)
        split = "test" if number >= 240 else "train"
        rows.append(f"{number},{number}.wav,{split}{number % 8},{split},{' '.join(said)},xx")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


def test_features_need_vectors(tasks: dict[str, Any], tmp_path: Path):
    results, _ = probed(tmp_path / "out", tasks, f"{__name__}:Wordless", probes={"input": "features"})
    assert set(results["status"]) == {"not_applicable"}
    assert results["reason"].str.contains("no vectors of its codes").all()


class Wordless(Whistler):
    """Its vectors do not add up: it has none to tell."""

    codes: Any = property(doc="no vectors")  # which raises AttributeError, as where there is none

    def decoder(self, concealment: str = "") -> Any:
        return Wordless.Mute()

    class Mute:
        """Says nothing."""

        def push(self, slots: Any) -> Any:
            return np.zeros(320 * len(slots), np.float32)

        def flush(self) -> Any:
            return np.zeros(0, np.float32)


def test_an_unknown_recipe_is_one_line(tasks: dict[str, Any], tmp_path: Path):
    with pytest.raises(UserError, match=r"probes.recipe: there is no 'smal'; there are .*small"):
        probed(tmp_path / "out", tasks, KNOWING, probes={"recipe": "smal"})
    assert not (tmp_path / "out").exists()


def test_vectors_of_several_codebooks_add_up():
    codec = Toy(bits=4, codebooks=3, group=1)
    table = vectors(codec, codec.info)
    assert table is not None
    assert table.shape == (3, 16, 12)
    tokens = np.random.default_rng(0).integers(0, 16, (50, 3))
    np.testing.assert_allclose(table[np.arange(3), tokens].sum(1), codec.codes(tokens), atol=1e-5)


def test_vectors_that_do_not_add_up_are_none():
    codec = Toy(bits=4, codebooks=3, group=1)
    codec.codes = lambda tokens: np.prod(tokens, 1, keepdims=True).astype(np.float32)  # type: ignore[method-assign]
    assert vectors(codec, codec.info) is None


def test_a_host_tells_the_vectors():
    table = CodecHost(parse(KNOWING)).vectors()
    assert table is not None
    assert (table[0] == np.eye(64)).all()
    assert CodecHost(parse("pcm")).vectors() is None
