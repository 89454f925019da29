"""Scenes: what the axes span, what chains add up to, and what is refused before any work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import manifest, seeds
from benchmark.plan import _check_voices, plan, uncoded
from benchmark.scenes import Condition, condition, grid, scenes
from benchmark.suite import Suite, load, shipped
from benchmark.types import LOST, Fate, UserError, Utterance

SENT = np.arange(1, 5_001) * 20_000_000
LOSS, JITTER = "gilbert:burst_ratio=2,loss=0.1", "gamma:mean_ms=30,std_ms=30"


def fate(text: str, purpose: str = "a") -> Fate:
    return condition("channel", text).channel().fate(SENT, seeds.generator(3, "channel", purpose))


def test_crossed_axes_are_all_combinations_and_alone_each_departs_from_the_first() -> None:
    axes = {"acoustics": ("clean", "level:dbov=-36"), "channels": ("clean", "delay:ms=5", LOSS)}
    axes |= {"playout": ("fixed:buffer_ms=60", "fixed:buffer_ms=20")}
    crossed = scenes(Suite(**axes), [])
    assert len(crossed) == len(set(crossed)) == 2 * 3 * 2
    alone = scenes(Suite(axes=("one_at_a_time",), **axes), [])
    assert len(alone) == 1 + 1 + 2 + 1
    assert set(alone) < set(crossed)
    first = alone[0]
    assert all(sum(a != b for a, b in zip(scene, first, strict=True)) <= 1 for scene in alone)
    grouped = Suite(axes=("acoustics", "channels + playout"), **axes)
    made = scenes(grouped, [])
    assert len(made) == 2 + 3 * 2 - 1 == len(grid(grouped))
    assert set(alone) < set(made) < set(crossed)
    assert (len(grid(Suite(**axes))), len(grid(Suite(axes=("one_at_a_time",), **axes)))) == (12, 5)


def test_a_chain_of_networks_loses_what_each_loses_and_adds_the_delays() -> None:
    loss, chain = fate(LOSS), fate(f"{LOSS} + delay:ms=40 + {JITTER}")
    assert np.array_equal(loss.delays == LOST, chain.delays == LOST), "the first part draws as it does alone"
    assert chain.base == 40_000_000
    late = chain.delays[chain.delays != LOST]
    assert late.mean() == pytest.approx(30e6, rel=0.1)
    both = fate("bernoulli:loss=0.3 + bernoulli:loss=0.3").delays == LOST
    assert both.mean() == pytest.approx(1 - 0.7**2, abs=0.03), "two parts of one kind draw apart"
    assert condition("channel", f"{LOSS} + {JITTER}").family == "chain"


def test_a_chain_is_drawn_by_seed_and_utterance() -> None:
    text = f"{JITTER} + {LOSS}"
    assert np.array_equal(fate(text).delays, fate(text).delays)
    assert not np.array_equal(fate(text).delays, fate(text, "b").delays)


def test_the_curve_of_a_chain_is_named_after_its_other_parts() -> None:
    point = condition("acoustics", "band:kind=telephone + noise:kind=white,snr=5").point
    assert point is not None
    assert point.x == 5
    assert point.curve.endswith(" + white noise")
    assert condition("acoustics", "noise:kind=white,snr=5 + level:dbov=-36").point is None, "two curves are none"


def test_an_identity_follows_parameters_and_files(tmp_path: Path) -> None:
    trace = tmp_path / "a.txt"
    trace.write_text("0\n1\n")
    first = condition("channel", "trace:path=a.txt", [tmp_path])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("0\n1\n")
    assert condition("channel", "trace:path=a.txt", [tmp_path / "sub"]).identity == first.identity
    trace.write_text("0\n0\n1\n")
    assert condition("channel", "trace:path=a.txt", [tmp_path]).identity != first.identity
    snrs = {condition("acoustics", f"noise:kind=white,snr={snr}").identity for snr in (5, 10)}
    assert len(snrs) == 2


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("channel", "gilbert:loss=0.1 + jitter", "No channel called 'jitter'"),
        ("channel", "clean + delay", "needs the parameter 'ms'"),
        ("acoustics", "noise:kind=purple", "purple"),
        ("playout", "fixed:buffer_ms=1 + fixed:buffer_ms=2", "only channels and acoustics can be chained"),
        ("protection", "none + none", "only channels and acoustics can be chained"),
        ("playout", "fixed:buffer_ms=-1", "buffer_ms=-1"),
        ("acoustics", "tandem:generations=1", "generations=1 must be a whole number from 2 to 100"),
        ("acoustics", "tandem:generations=true", "generations=True must be"),
        ("acoustics", "tandem:codec=opus:bitrate=1;bitrate=2", "'bitrate' stands twice"),
    ],
)
def test_a_wrong_condition_is_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        condition(kind, text)


def test_a_voice_in_the_noise_must_not_be_under_test() -> None:
    utterances = tuple(Utterance(str(i), Path("a"), speaker) for i, speaker in enumerate("abc"))
    demo = manifest.load("demo", Path())
    data = replace(demo, utterances=utterances)
    babble = Condition("acoustics", "noise:kind=babble", (), speakers=frozenset("bx"))
    still = condition("channel", "clean")
    scene = scenes(Suite(), [])[0]._replace(acoustics=babble, channel=still)
    with pytest.raises(UserError, match=r"its voices are under test too \(b\); give a split or a manifest of other"):
        _check_voices(data.utterances, [scene])
    _check_voices(data.utterances, [scene._replace(acoustics=replace(babble, speakers=frozenset("xy")))])


def test_the_anchor_hears_every_room_over_a_still_network(tmp_path: Path) -> None:
    asked = load("noise")
    planned = plan(asked, tmp_path)
    assert planned.anchor is not None
    rooms = uncoded(planned.scenes)
    assert [scene.acoustics.text for scene in rooms] == [text for text in asked.acoustics if text != "clean"]
    assert {scene.channel.text for scene in rooms} == {"clean"}
    tandem = plan(load("tandem"), tmp_path)
    heard = [scene.acoustics.text for scene in uncoded(tandem.scenes)]
    assert heard == ["tandem:codec=opus:bitrate=12000"], "nothing can be coded again that is not coded"
    assert [subject.label for subject in tandem.before] == ["opus:bitrate=12000"]
    assert plan(load("dropout"), tmp_path).anchor is None
    assert plan(load("noise", [("anchor", None)]), tmp_path).anchor is None


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_suite_can_be_planned(name: str, tmp_path: Path) -> None:
    asked = load(name)
    if asked.data.manifest == ("demo",):
        assert len(plan(asked, tmp_path).scenes) == len(grid(asked))
    elif not asked.conversion.data:  # which has data of its own, that are asked for last
        with pytest.raises(UserError, match=r"No data at '[a-z_0-9]+': neither a file, a folder, a shipped corpus"):
            plan(asked, tmp_path)


def test_a_file_that_changes_is_another_network_at_once(tmp_path: Path) -> None:
    trace, found = tmp_path / "a.txt", []
    for line in ("0", "1"):
        trace.write_text(f"{line}\n" * 10)
        made = condition("channel", "trace:path=a.txt", [tmp_path])
        lost = made.channel().fate(SENT[:10], seeds.generator(0)).delays == LOST
        found.append((made.identity, int(lost.sum())))
    assert [count for _, count in found] == [0, 10]
    assert found[0][0] != found[1][0]


def test_other_states_and_slots_leave_the_common_curve_of_losses() -> None:
    usual = condition("channel", "gilbert:burst_ratio=2,loss=0.1")
    assert (usual.loss, usual.burst_ratio, usual.point) == (0.1, 2, None)
    for text in ("gilbert:burst_ratio=2,loss=0.1,loss_bad=0.5", "gilbert:burst_ratio=2,loss=0.1,slot_ms=80"):
        other = condition("channel", text)
        assert (other.loss, other.burst_ratio) == (None, None)
        assert other.point is not None
        assert other.point.x == pytest.approx(10)
    chain = condition("channel", "gilbert:burst_ratio=2,loss=0.1 + delay:ms=5")
    assert chain.loss is None
