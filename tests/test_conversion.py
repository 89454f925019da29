"""Voice conversion: the planted codec takes the target's voice and keeps the words; pairs, rows and the store."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmark import conversion_rows
from benchmark.bench import Bench
from benchmark.codec import encode
from benchmark.conversion import NEIGHBOURS, convert, nearest, stacked
from benchmark.conversion_rows import Asked, ask, drawn, rows
from benchmark.hosts import CodecHost
from benchmark.plan import Subject, settings
from benchmark.progress import Quiet
from benchmark.registry import make, parse
from benchmark.suite import ANCHOR, Limits
from benchmark.table import Row
from benchmark.types import NotMeasured, Signal, Spec, UserError, Utterance
from tests import quick
from tests.colours import HOP, RATE, Coloured, levels, spoken

ONE, TWO = "tests.colours:Coloured", "tests.colours:Coloured:codebooks=2"
LISTENER = "tests.colours:Hears"
PHRASES = {  # contents by id of an utterance, whose first letter is its speaker
    "a1": [0, 1, 2, 3, 4, 5, 6, 7] * 4,
    "a2": [7, 6, 5, 4, 3, 2, 1, 0] * 5,
    "b1": [3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 0, 7] * 4,
    "b2": [0, 1, 2, 3, 4, 5, 6, 7] * 6,
    "c1": [2, 7, 1, 0, 2, 0, 1, 0] * 2,
    "c2": [4, 5, 6, 7, 0, 1, 2, 3] * 7,
}


def payloads(codec: Any, signal: Signal) -> list[bytes]:
    return [frame.payload for frame in encode(codec, signal)]


def converted(codec: Any, source: Signal, reference: Signal) -> Signal:
    return convert(codec, payloads(codec, source), payloads(codec, reference), reference)


# --- How a voice is converted ---


def test_neighbours_are_those_by_angle() -> None:
    random = np.random.default_rng(0)
    features, others = (random.standard_normal((n, 5)).astype(np.float32) for n in (7, 30))
    others *= random.uniform(0.1, 10, (30, 1)).astype(np.float32)  # a length that must not matter
    for feature, found in zip(features, nearest(features, others), strict=True):
        angles = [
            float(np.arccos(feature @ o / np.linalg.norm(feature) / np.linalg.norm(o))) for o in others.astype(float)
        ]
        np.testing.assert_allclose(found, others[np.argsort(angles)[:4]].mean(axis=0), rtol=1e-5)


def test_of_equals_the_first_is_taken() -> None:
    others = np.array([[1, 0], [2, 0], [3, 0], [0, 1]], np.float32)
    assert nearest(np.array([[5, 0]], np.float32), others, 2).tolist() == [[1.5, 0]]


def test_a_reference_has_frames_enough() -> None:
    features = np.ones((9, 2), np.float32)
    with pytest.raises(NotMeasured, match="the reference has 3 frames, 4 neighbours are needed") as caught:
        nearest(features, features[:3])
    assert caught.value.status == "too_short"
    assert nearest(features, features[:NEIGHBOURS]).shape == (9, 2)


@pytest.mark.parametrize(
    ("frames", "rest"), [(9, [0, 1, 2, 3, 4, 5]), (6, [0, 1, 2, 3, 4, 5]), (4, [3, 0, 1, 2, 3, 0]), (1, [0] * 6)]
)
def test_the_first_codebook_is_the_sources_the_others_the_references(frames: int, rest: list[int]) -> None:
    source = np.arange(18).reshape(6, 3) + 100
    reference = np.arange(frames)[:, None] + [[0, 1000, 2000]]
    found = stacked(source, reference)
    assert found[:, 0].tolist() == source[:, 0].tolist()
    assert found[:, 1].tolist() == [1000 + n for n in rest]
    assert found[:, 2].tolist() == [2000 + n for n in rest]


@pytest.mark.parametrize("codebooks", [1, 2])
def test_what_is_said_stays_and_who_says_it_changes(codebooks: int) -> None:
    codec = Coloured(codebooks)
    source, reference = spoken(PHRASES["a1"], 0), spoken(PHRASES["b1"], 1)
    contents, voices = levels(converted(codec, source, reference))
    assert contents.argmax(axis=1).tolist() == PHRASES["a1"]
    assert set(voices.argmax(axis=1)) == {1}
    assert voices[:, [0, 2]].max() < 1e-6, "nothing of the source's voice is left"
    _, own = levels(converted(codec, source, source))
    assert set(own.argmax(axis=1)) == {0}


def test_frames_of_which_nothing_was_sent_are_silence() -> None:
    codec = Coloured()
    sent = payloads(codec, spoken(PHRASES["a1"], 0))
    gap = [b"" if n in (9, 10) else payload for n, payload in enumerate(sent)]
    reference = spoken(PHRASES["b1"], 1)
    whole, holed = (convert(codec, one, payloads(codec, reference), reference) for one in (sent, gap))
    same = (whole == holed).reshape(-1, HOP).all(axis=1)
    assert np.flatnonzero(~same).tolist() == [9, 10]
    assert levels(holed)[0].argmax(axis=1)[[9, 10]].tolist() == [5, 5], "the content of silence"


def test_a_codec_may_convert_in_a_way_of_its_own() -> None:
    codec = make("codec", parse("tests.colours:Own"))
    reference = spoken([5, 6, 7, 1, 2, 3, 4, 0], 2)
    found = converted(codec, spoken(PHRASES["a1"], 0), reference)
    assert levels(found)[0].argmax(axis=1).tolist() == [5, 6, 7, 1] * 8, "of as many frames as there are neighbours"


def test_what_is_no_token_codec_has_no_features() -> None:
    host = CodecHost(Spec("pcm"))
    with pytest.raises(NotMeasured, match="it is no TokenCodec") as caught:
        host.convert([b"1"], [b"2"], np.zeros(9, np.float32))
    assert caught.value.status == "not_applicable"


def test_an_output_of_nonsense_is_the_codecs_fault() -> None:
    with pytest.raises(NotMeasured, match="NaN or infinity") as caught:
        converted(Coloured(fault="nan"), spoken(PHRASES["a1"], 0), spoken(PHRASES["b1"], 1))
    assert caught.value.status == "codec_failed"


# --- Who is paired with whom ---


def data(folder: Path, phrases: dict[str, list[int]] = PHRASES) -> Path:
    """A manifest of these phrases; an utterance's speaker is its first letter."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "speaker", "split"])
        for identity, contents in phrases.items():
            signal = spoken(contents, "abc".index(identity[0]))
            soundfile.write(folder / f"{identity}.wav", signal, RATE, subtype="PCM_16")
            writer.writerow([identity, f"{identity}.wav", identity[0], "test"])
    return folder / "manifest.csv"


def asked(manifest: Path, pairs: int | None = None, metrics: Sequence[str] = (LISTENER,)) -> Asked:
    return ask(str(manifest), "test", pairs, metrics, Path())


def test_pairs_are_of_two_speakers_and_references_are_the_longest(tmp_path: Path) -> None:
    pairs = asked(data(tmp_path)).pairs
    assert {pair.source.id for pair in pairs} == set(PHRASES)
    for source, reference, other in pairs:
        assert source.speaker != reference.speaker == other.speaker
        assert reference.id in ("a2", "b2", "c2")
        assert other.id in ("a1", "b1", "c1")
        assert len(reference.sha256) == 64


def test_a_larger_number_of_pairs_keeps_the_smaller(tmp_path: Path) -> None:
    manifest = data(tmp_path)
    every = asked(manifest).pairs
    assert asked(manifest, 4).pairs == every[:4]
    assert {pair.source.speaker for pair in every[:3]} == set("abc"), "balanced by speaker"
    assert asked(manifest).pairs == every


def test_targets_do_not_depend_on_the_order_and_are_many(tmp_path: Path) -> None:
    known = [Utterance(f"{who}{n}", tmp_path / "none.wav", who) for who in "abcdefgh" for n in range(30)]
    first = {pair.source.id: pair for pair in drawn(known, known)}
    assert first == {pair.source.id: pair for pair in drawn(known[::-1], known[::-1])}
    assert first == {pair.source.id: pair for pair in drawn(known, known)}
    counts = Counter(pair.reference.speaker for pair in first.values())
    assert set(counts) == set("abcdefgh")
    assert min(counts.values()) > 10


def test_who_has_one_utterance_is_a_target_only_where_nobody_has_two(tmp_path: Path) -> None:
    ids = ["a1", "a2", "b1", "c1"]
    known = [Utterance(one, tmp_path / "none.wav", one[0]) for one in ids]
    found = {pair.source.id: pair for pair in drawn(known, known)}
    assert {found["b1"].reference.speaker, found["c1"].reference.speaker} == {"a"}
    assert found["b1"].other.id != found["b1"].reference.id
    alone = found["a1"]
    assert alone.reference == alone.other
    assert alone.reference.speaker in "bc"


def test_the_record_says_who_was_paired(tmp_path: Path) -> None:
    made = asked(data(tmp_path), 2)
    (first, _) = made.pairs
    assert made.record[0] == {
        "source": first.source.id,
        "reference": first.reference.id,
        "other": first.other.id,
        "target": first.reference.speaker,
    }


def test_wishes_that_cannot_be_met_are_refused(tmp_path: Path) -> None:
    manifest = data(tmp_path)
    with pytest.raises(UserError, match=r"conversion\.metrics: pesq compares waveforms.*give listeners, such as"):
        asked(manifest, metrics=["pesq_wb"])
    with pytest.raises(UserError, match=r"No metric, and no value of one, called 'dwerr'\. Did you mean 'dwer'"):
        asked(manifest, metrics=["dwerr"])
    with pytest.raises(UserError, match="has no split 'dev'"):
        ask(str(manifest), "dev", 1, [LISTENER], Path())
    lonely = data(tmp_path / "lonely", {"a1": [1] * 50})
    with pytest.raises(UserError, match="names fewer than 2 speakers; voices are converted between them"):
        asked(lonely)


def test_a_suite_without_data_wants_no_conversion() -> None:
    wishes = ask("", "test", 40, ["dwer"], Path())
    assert (wishes.pairs, wishes.values, wishes.record) == ((), {}, [])


def test_a_value_of_a_voice_stands_for_both(tmp_path: Path) -> None:
    manifest = data(tmp_path)
    wanted = {"vc_sim_resemblyzer": "higher", "vc_sim_source_resemblyzer": "lower", "vc_dwer": "lower"}
    for name in ("spk_sim_resemblyzer", "spk_same_resemblyzer", "speaker_resemblyzer"):
        found = asked(manifest, metrics=[name, "dwer"]).values
        assert {new: info.better for new, info in found.items()} == wanted
    assert found["vc_sim_resemblyzer"].source == (
        "cosine with another, uncoded utterance of the target speaker; Resemblyzer 0.1.4 after Wan et al. 2018, "
        "arXiv 1710.10467"
    )


# --- Rows ---


def described(*codecs: str) -> list[Subject]:
    """Codecs as a run has them: described."""
    return [Subject(text, parse(text), make("codec", parse(text)).info, f"identity of {text}") for text in codecs]


def run(cache: Path, subjects: Sequence[Subject], wishes: Asked, **keys: Any) -> list[Row]:
    return rows(subjects, settings(quick.suite("pcm")), cache, wishes, Limits(seconds=60), Quiet(), **keys)


def named(found: Iterable[Row], codec: str, name: str) -> list[Row]:
    return [row for row in found if (row.codec, row.name) == (codec, name)]


def test_converted_speech_has_the_targets_voice(tmp_path: Path) -> None:
    wishes = asked(data(tmp_path / "data"))
    found = run(tmp_path, described(ONE, TWO, "pcm"), wishes)
    assert {row.name for row in found} == {"vc_sim_colour", "vc_sim_source_colour", "vc_contents"}
    assert len(found) == 4 * 3 * len(wishes.pairs), "three codecs and the anchor"
    for codec in (ONE, TWO):
        (sims, to_source, contents) = (
            named(found, codec, f"vc_{n}") for n in ("sim_colour", "sim_source_colour", "contents")
        )
        assert {row.status for row in (*sims, *to_source, *contents)} == {"ok"}
        assert min(row.value or 0 for row in sims) > 0.999
        assert max(1 if row.value is None else row.value for row in to_source) < 0.3
        assert {row.value for row in contents} == {0}
    refused = [row for row in found if row.codec == "pcm"]
    assert {(row.status, row.reason) for row in refused} == {
        ("not_applicable", "it sends no tokens, whose features could be those of another voice")
    }


def test_a_row_says_what_it_is_of(tmp_path: Path) -> None:
    wishes = asked(data(tmp_path / "data"), 1)
    (first,) = named(run(tmp_path, described(ONE), wishes), ONE, "vc_contents")
    assert first == Row(
        codec=ONE,
        codec_spec=ONE,
        channel="clean",
        acoustics="clean",
        playout="",
        protection="none",
        concealment="repeat_fade",
        header="",
        mode="streaming",
        seed=0,
        dataset="voice_conversion",
        utterance=wishes.pairs[0].source.id,
        speaker=wishes.pairs[0].source.speaker,
        reference="",
        scorer="voice_conversion:k=4 + tests.colours:Hears",
        name="vc_contents",
        kind="value",
        value=0.0,
        numerator=0.0,
        denominator=first.denominator,
        unit="",
        status="ok",
        reason="",
        key=first.key,
    )
    assert len(first.key) == 64


def test_the_anchor_is_the_target_unconverted(tmp_path: Path) -> None:
    manifest = data(tmp_path / "data")
    found = run(tmp_path, [], asked(manifest))
    assert {(row.codec, row.codec_spec) for row in found} == {(ANCHOR, "pcm")}
    assert min(row.value or 0 for row in named(found, ANCHOR, "vc_sim_colour")) > 0.999
    assert max(row.value or 0 for row in named(found, ANCHOR, "vc_sim_source_colour")) < 0.01
    words = run(tmp_path, [], asked(manifest, 1, ["dwer"]))
    assert [(row.name, row.status, row.reason) for row in words] == [
        ("vc_dwer", "not_applicable", "the target speaker says something else than the source")
    ]


def test_what_is_known_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = data(tmp_path / "data")
    first = run(tmp_path, described(ONE, TWO), asked(manifest, 3))
    with monkeypatch.context() as patch:
        for method in ("encode", "convert", "listen"):
            patch.setattr(Bench, method, None)
        assert run(tmp_path, described(ONE, TWO), asked(manifest, 3)) == first
    more = run(tmp_path, described(ONE, TWO), asked(manifest), workers=2)
    assert set(first) < set(more)


def test_nothing_is_converted_for_who_cannot_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = asked(data(tmp_path / "data"), 1, [LISTENER, "tests.listeners:Loudness:trouble=absent"])
    first = run(tmp_path, described(ONE), wishes)
    assert {row.reason for row in named(first, ONE, "vc_loudness")} == {
        "it needs the weights planned: run `focalbench fetch planned`"
    }
    assert {row.status for row in named(first, ONE, "vc_sim_colour")} == {"ok"}
    for method in ("encode", "convert"):
        monkeypatch.setattr(Bench, method, None)
    assert run(tmp_path, described(ONE), wishes) == first


def test_what_decides_a_value_is_in_its_key(tmp_path: Path) -> None:
    manifest = data(tmp_path / "data")
    first = run(tmp_path, described(ONE), asked(manifest, 1))
    pair = asked(manifest, 1).pairs[0]
    changed = {**PHRASES, pair.reference.id: PHRASES[pair.reference.id][::-1]}
    second = run(tmp_path, described(ONE), asked(data(tmp_path / "data", changed), 1))
    assert {row.utterance for row in first} == {row.utterance for row in second}
    assert not {row.key for row in first} & {row.key for row in second}
    (subject,) = described(ONE)
    third = run(tmp_path, [replace(subject, identity="another")], asked(data(tmp_path / "data", changed), 1))
    assert {row.codec for row in third if row.key in {known.key for known in second}} == {ANCHOR}


@pytest.mark.parametrize(
    ("spec", "status", "reason"),
    [
        ("tests.colours:Coloured:fault=nan", "codec_failed", "NaN or infinity"),
        ("tests.colours:Coloured:fault=half", "codec_failed", "the decoder returned"),
    ],
)
def test_a_codec_that_fails_costs_its_own_rows(tmp_path: Path, spec: str, status: str, reason: str) -> None:
    found = run(tmp_path, described(spec, ONE), asked(data(tmp_path / "data"), 1))
    assert {row.status for row in found if row.codec == spec} == {status}
    assert all(reason in row.reason for row in found if row.codec == spec)
    assert {row.status for row in found if row.codec == ONE} == {"ok"}


def test_codecs_that_did_not_run_say_so(tmp_path: Path) -> None:
    (subject,) = described(ONE)
    lacking = replace(subject, info=None, status="skipped", reason="its weights are not here")
    found = run(tmp_path, [lacking], asked(data(tmp_path / "data"), 1))
    assert {(row.status, row.reason) for row in found if row.codec == ONE} == {("skipped", "its weights are not here")}


def test_a_source_that_is_no_audio_says_so(tmp_path: Path) -> None:
    manifest = data(tmp_path / "data")
    wishes = asked(manifest, 1)
    wishes.pairs[0].source.path.write_bytes(b"no audio")
    found = run(tmp_path, described(ONE), wishes)
    assert {row.status for row in found} == {"input_failed"}


def test_lengths_are_those_of_files(tmp_path: Path) -> None:
    data(tmp_path)
    assert conversion_rows._seconds(tmp_path / "a1.wav") == len(PHRASES["a1"]) * HOP / RATE
    (tmp_path / "text.wav").write_text("no audio")
    assert conversion_rows._seconds(tmp_path / "text.wav") == 0
    assert conversion_rows._seconds(tmp_path / "missing.wav") == 0
