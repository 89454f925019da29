"""Suites: what is read, what is expanded, and what is refused with a hint."""

import json
import time

import pytest

from benchmark import suite
from benchmark.types import UserError

BASE = "codecs: [pcm]\n"


@pytest.fixture
def read(tmp_path):
    def read(text, overrides=(), name="mine.yaml"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return suite.load(str(tmp_path / name), overrides)

    return read


def test_a_list_of_codecs_names_itself_and_the_rest_has_defaults(read):
    made = read(BASE)
    assert made == suite.Suite(codecs={"pcm": "pcm"})
    assert read("codecs: {Opus 6k: 'opus:bitrate=6000'}").codecs == {"Opus 6k": "opus:bitrate=6000"}


def test_every_key_is_read(read):
    made = read(
        """
        name: all
        title: Everything
        data: {manifest: [a.csv, b.csv], split: test, limit: 3}
        codecs: {a: pcm}
        channels: clean
        protection: bundle:frames=2
        concealment: mute
        acoustics: {level: {dbov: [-36, -16]}}
        playout: {fixed: {buffer_ms: [20, 100]}}
        axes: one_at_a_time
        anchor: null
        probe: true
        timing: true
        capture_ms: 5
        header: ipv6_udp_rtp
        metrics: stoi
        seeds: 7
        mode: offline
        save_audio: none
        limits: {seconds: 5, memory_mb: 100}
        """
    )
    assert made.data == suite.Data(("a.csv", "b.csv"), "test", 3)
    assert (made.channels, made.metrics, made.seeds) == (("clean",), ("stoi",), (7,))
    assert (made.protection, made.concealment) == (("bundle:frames=2",), ("mute",))
    assert (made.limits.seconds, made.limits.memory_mb) == (5.0, 100)
    assert isinstance(made.limits.seconds, float)
    assert made.acoustics == ("level:dbov=-36", "level:dbov=-16")
    assert made.playout == ("fixed:buffer_ms=20", "fixed:buffer_ms=100")
    assert (made.axes, made.anchor, made.probe, made.timing, made.capture_ms) == (
        ("one_at_a_time",),
        None,
        True,
        True,
        5.0,
    )
    assert (made.header, made.mode, made.save_audio) == ("ipv6_udp_rtp", "offline", "none")


@pytest.mark.parametrize("name", suite.shipped())
def test_the_shipped_suites_load(name):
    made = suite.load(name)
    assert made.name == name
    assert "clean" in made.channels
    assert len(made.codecs) <= 10 or name in ("grid", "paper")


def test_the_dropout_suite_is_its_grid():
    channels = suite.load("dropout").channels
    grid = {f"gilbert:burst_ratio={b},loss={loss}" for b in (1, 2) for loss in (0.01, 0.05, 0.1, 0.2)}
    assert {c for c in channels if c.startswith("gilbert")} == grid
    assert len([c for c in channels if c.startswith("trace")]) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("codec: [pcm]", "Unknown key 'codec'. Did you mean 'codecs'?"),
        (BASE + "data: {limt: 3}", "Unknown key 'data.limt'. Did you mean 'data.limit'?"),
        (BASE + "playout: {buffer_ms: 3}", "write it as a component, playout: fixed:buffer_ms=3."),
        (BASE + "axes: star", "axes: 'star' is neither crossed, one_at_a_time nor an axis"),
        (BASE + "axes: [channels + room]", "axes: 'room' is neither crossed, one_at_a_time nor an axis"),
        (BASE + "axes: [crossed, channels]", "axes: 'crossed' is neither"),
        (BASE + "probe: 1", "probe: 1 is not true or false"),
        (BASE + "capture_ms: -1", "capture_ms: -1.0 must lie in 0 to 1000"),
        (BASE + "anchor: 'pcm:rate=1,rate=2'", "the parameter 'rate' stands twice"),
        ("codecs: {uncoded: pcm}", "the label 'uncoded' is that of the anchor"),
        (BASE + "limits: {zzz: 3}", "Unknown key 'limits.zzz'. Known: limits.memory_mb, limits.seconds."),
        (BASE + "3: 4", "Unknown key '3'"),
        (BASE + "data: demo", "data: 'demo' is not a group of keys"),
        (BASE + "data:", "data: None is not a group of keys"),
        (BASE + "data: {manifest: 5}", "data.manifest: 5 is not a list"),
        (BASE + "data: {limit: 2.5}", "data.limit: 2.5 is not a whole number or null"),
        (BASE + "data: {limit: true}", "data.limit: True is not a whole number or null"),
        (BASE + "data: {limit: 0}", "data.limit: 0 must be above 0"),
        (BASE + "limits: {seconds: .inf}", "limits.seconds: inf must be above 0, and finite"),
        (BASE + "name: 5", "name: 5 is not text"),
        (BASE + "seeds: [0, one]", "seeds: 'one' is not a whole number"),
        (BASE + "metrics: []", "metrics is empty: nothing to run"),
        (BASE + "mode: live", "mode: 'live' is not one of streaming, offline"),
        (BASE + "header: ipv4_upd_rtp", "header: 'ipv4_upd_rtp' is not known. Did you mean 'ipv4_udp_rtp'?"),
        (BASE + "title: [" + "a, " * 1000 + "]", "title: ['a', 'a', 'a', 'a', 'a', 'a', ...] is not text"),
        ("name: empty", "codecs is empty: nothing to run"),
        ("codecs: pcm", "codecs: 'pcm' is not a list, or labels with specs"),
        ("codecs: [5]", "codecs: 5 is not a component"),
        ("codecs: {a: null}", "codecs.a: None is not text"),
        ("codecs: {'': pcm}", "codecs: a label is empty"),
        ("codecs: {a: pcm, a: mulaw}", "the key 'a' stands twice"),
        ("codecs: ['opus:bitrate']\nchannels: ['gilbert:0.1,loss=1']", "'0.1' is not a parameter"),
        (BASE + "channels: []", "channels is empty: nothing to run"),
        (BASE + "protection: []", "protection is empty: nothing to run"),
        (BASE + "protection: 5", "protection: 5 is neither NAME:key=value nor NAME: {key: value or [values]}"),
        (BASE + "protection: [{bundle: {frames: []}}]", "protection: bundle expands to 0 conditions"),
        (BASE + "protection: [{bundle: {frames: {a: 1}}}]", "protection: bundle: frames={'a': 1} is neither text"),
        (BASE + "concealment: []", "concealment is empty: nothing to run"),
        (BASE + "concealment: [mute, 5]", "concealment: 5 is not text"),
        (BASE + "channels: [5]", "channels: 5 is neither NAME:key=value nor NAME: {key: value or [values]}"),
        (BASE + "channels: [{gilbert: 0.1}]", "channels: gilbert: 0.1 is not a group of keys"),
        (BASE + "channels: [{gilbert: {loss: {a: 1}}}]", "channels: gilbert: loss={'a': 1} is neither text"),
        (BASE + "channels: [{gilbert: {loss: []}}]", "gilbert expands to 0 conditions, 1 to 10000 are allowed"),
        (BASE + "channels: [{trace: {path: 'a,b'}}]", "'b' is not a parameter"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(read, text, message):
    with pytest.raises(UserError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "codecs: [pcm", "is not a suite in YAML"),
        ("a.yaml", "\x00", "is not a suite in YAML"),
        ("a.yaml", b"\xff\xfe\xff", "is not a suite in YAML"),
        ("a.yaml", BASE + "title: 2024-13-01", "is not a suite in YAML: month must be in"),
        ("a.yaml", BASE + "title: !!python/object/apply:os.system [ls]", "is not a suite in YAML"),
        ("a.yaml", "", "its top level must be keys"),
        ("a.yaml", "- pcm\n- opus\n", "its top level must be keys"),
        ("a.json", '{"suite": ', "is not a suite in JSON"),
        ("a.json", '{"suite": 5}', "its top level must be keys"),
    ],
)
def test_what_is_no_suite_is_refused(read, name, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read(text, name=name)
    assert "\n" not in str(caught.value)


def test_an_unknown_suite_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"No suite called 'dropuot', and no such file\. Did you mean 'dropout'"):
        suite.load("dropuot")
    with pytest.raises(UserError, match="no such file"):
        suite.load(str(tmp_path))


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
GRID = "{" + ", ".join(f"k{i}: [{', '.join(map(str, range(10)))}]" for i in range(12)) + "}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + LAUGHS, r"aliases \(\*name\) are not allowed in a suite; write the value out"),
        (BASE + "title: &t x\nname: *t\n", "aliases"),
        (BASE + "title: " + "[" * 5_000, "is not a suite in YAML"),
        (BASE + f"channels: [{{gilbert: {GRID}}}]", "gilbert expands to 1000000000000 conditions, 1 to 10000"),
        (BASE + "#" * 300_000, "is larger than 200000 bytes, which no suite is"),
    ],
    ids=["billion laughs", "alias", "deep", "grid", "size"],
)
def test_a_bomb_is_refused_at_once(read, text, message):
    start = time.process_time()  # of this process: a busy machine is no fault
    with pytest.raises(UserError, match=message):
        read(text)
    assert time.process_time() - start < 5


def test_a_grid_is_expanded_in_order_and_the_same_condition_stands_once(read):
    made = read(
        BASE
        + """
channels:
  - clean
  - gilbert: {loss: [0.1, 0.2], burst_ratio: [1, 2]}
  - gilbert:loss=0.1,burst_ratio=1
  - clean
  - bernoulli: {loss: 1e-5}
  - clean:
"""
    )
    assert made.channels == (
        "clean",
        "gilbert:burst_ratio=1,loss=0.1",
        "gilbert:burst_ratio=2,loss=0.1",
        "gilbert:burst_ratio=1,loss=0.2",
        "gilbert:burst_ratio=2,loss=0.2",
        "bernoulli:loss=1e-5",
    )


def test_protections_are_expanded_as_conditions_are(read):
    made = read(BASE + "protection: [none, none, {redundancy: {copies: [1, 2], bundle: 4}}, 'interleave:depth=2']")
    grid = ("redundancy:bundle=4,copies=1", "redundancy:bundle=4,copies=2")
    assert made.protection == ("none", *grid, "interleave:depth=2")


def test_what_is_given_twice_counts_once(read):
    made = read(BASE + "metrics: [stoi, pesq_wb, stoi]\nseeds: [1, 0, 1]\nconcealment: [mute, all, mute]\n")
    assert (made.metrics, made.seeds, made.concealment) == (("stoi", "pesq_wb"), (1, 0), ("mute", "all"))


def test_overrides_reach_every_level(read):
    overrides = [("data.split", "test"), ("metrics", ["stoi"]), ("codecs.more", "mulaw"), ("limits.seconds", 9)]
    made = read("codecs: {one: pcm}\ndata: {limit: 2}\n", overrides)
    assert made.data == suite.Data(split="test", limit=2)
    assert made.metrics == ("stoi",)
    assert made.codecs == {"one": "pcm", "more": "mulaw"}
    assert made.limits.seconds == 9


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.splt", "test", "Unknown key 'data.splt'. Did you mean 'data.split'?"),
        ("metric", ["stoi"], "Unknown key 'metric'. Did you mean 'metrics'?"),
        ("metrics.first", "stoi", "--set metrics.first: 'metrics' holds no keys"),
        ("data.limit", "many", "data.limit: 'many' is not a whole number or null"),
        ("", 1, "Unknown key ''"),
    ],
)
def test_a_wrong_override_is_refused(read, path, value, message):
    with pytest.raises(UserError) as caught:
        read(BASE + "metrics: [stoi]\n", [(path, value)])
    assert message in str(caught.value)


@pytest.mark.parametrize("name", suite.shipped())
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_merged_suite_can_be_run_again(tmp_path, name, wrapped):
    made = suite.load(name, [("data.limit", 3), ("playout", ["fixed:buffer_ms=1e-05"])])
    plain = suite.as_dict(made)
    (tmp_path / "run.json").write_text(json.dumps({"schema": 1, "suite": plain} if wrapped else plain))
    assert suite.load(str(tmp_path / "run.json")) == made


def test_a_run_with_much_provenance_is_read_quickly(tmp_path):
    record = {
        "suite": suite.as_dict(suite.load("demo")),
        "data": [{"id": f"u{i}", "x": "y" * 50} for i in range(20_000)],
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    start = time.process_time()  # of this process: a busy machine is no fault
    assert suite.load(str(tmp_path / "run.json")) == suite.load("demo")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "label", "spec"),
    [
        ("pcm", "pcm", "pcm"),
        ("opus:bitrate=6000", "opus:bitrate=6000", "opus:bitrate=6000"),
        ("low=opus:bitrate=6000,fec=true", "low", "opus:bitrate=6000,fec=true"),
        ("Opus 6k=opus", "Opus 6k", "opus"),
        ("mine:Codec", "mine:Codec", "mine:Codec"),
        ("mine:Codec:k=v,n=2", "mine:Codec:k=v,n=2", "mine:Codec:k=v,n=2"),
        ("new=mine:Codec:k=v", "new", "mine:Codec:k=v"),
    ],
)
def test_codecs_are_given_by_spec_or_with_a_label(text, label, spec):
    made = suite.with_codecs(suite.load("demo"), [text])
    assert made.codecs == {label: spec}
    assert made.channels == suite.load("demo").channels


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        (["a=pcm", "a=opus"], "the label 'a' stands twice"),
        (["pcm", "pcm"], "the label 'pcm' stands twice"),
        (["=pcm"], "a label is empty"),
        (["a="], "'' is not a component"),
        ([""], "'' is not a component"),
        (["opus:bitrate=1,fec"], "'fec' is not a parameter"),
        ([], "codecs is empty"),
    ],
)
def test_a_wrong_codec_argument_is_refused(codecs, message):
    with pytest.raises(UserError, match=message):
        suite.with_codecs(suite.load("demo"), codecs)
