"""Names into components: specs read and written, hints behind every mistake, nobody's folder shadows ours."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import registry
from benchmark.channels.gilbert import Gilbert
from benchmark.types import Spec, UserError

CHANNELS = ["bellcore", "bernoulli", "bit_errors", "clean", "delay", "eid"]
CHANNELS += ["gamma", "gaussian", "gilbert", "holes", "markov", "spikes", "trace"]


def forget():
    registry.names.cache_clear()
    registry._offered.cache_clear()
    registry.values.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder whose modules can be imported; forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("opus", Spec("opus")),
        (" opus ", Spec("opus")),
        ("opus:bitrate=12000,fec=true", Spec("opus", {"bitrate": 12000, "fec": True})),
        ("opus: bitrate = 12000", Spec("opus", {"bitrate": 12000})),
        ("a:b=c=d", Spec("a", {"b": "c=d"})),
        ("a:b=x:y", Spec("a", {"b": "x:y"})),
        ("a:path=x/y.txt,start=random", Spec("a", {"path": "x/y.txt", "start": "random"})),
        ("a:b=null,c=1.5,d=,e=700C", Spec("a", {"b": None, "c": 1.5, "d": None, "e": "700C"})),
        ("a:b=1e-5,c=1e-05,d=-2E+3,e=1.5e3", Spec("a", {"b": 1e-5, "c": 1e-5, "d": -2000.0, "e": 1500.0})),
        ("a:b=2024-13-01,c=0x_,d=1e", Spec("a", {"b": "2024-13-01", "c": "0x_", "d": "1e"})),
        ("my.module:Attr", Spec("my.module:Attr")),
        ("my.module:Attr:k=1", Spec("my.module:Attr", {"k": 1})),
        ("my.module:Attr:k=x:y", Spec("my.module:Attr", {"k": "x:y"})),
    ],
)
def test_a_spec_is_read(text, spec):
    assert registry.parse(text) == spec
    assert registry.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a component; write NAME:key=value or MODULE:ATTR:key=value"),
        (":", "is not a component"),
        ("burst_length=2", "in a YAML list, quote a component with a comma in it"),
        ("opus:", "'opus:' is not a component"),
        ("m::k=1", "is not a component"),
        (":k=1", "is not a component"),
        ("opus:a=1,b", "'b' is not a parameter; write NAME:key=value,key=value"),
        ("opus:=1", "'=1' is not a parameter"),
        ("opus:a b=1", "'a b=1' is not a parameter"),
        ("m:A:k", "'k' is not a parameter"),
        ("m:A:,", "is not a component"),
        ("opus:a=1,a=2", "the parameter 'a' stands twice"),
        ("opus:a=[1]", "'[1]' is not a single value: text, a finite number, true, false or null"),
        ("opus:a=2024-01-01", "'2024-01-01' is not a single value"),
        ("opus:a=.inf", "'.inf' is not a single value"),
        ("opus:a=1e999", "'1e999' is not a single value"),
    ],
)
def test_what_is_no_spec_is_refused(text, message):
    with pytest.raises(UserError) as caught:
        registry.parse(text)
    assert message in str(caught.value)


names = st.from_regex(r"[a-z_][a-z0-9_]{0,9}(\.[a-z_]{1,5})?(:[A-Z][a-z]{0,5})?", fullmatch=True)
words = st.from_regex(r"[a-z]{2,6}([./_][a-z]{1,5}){1,2}", fullmatch=True)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
params = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True), scalars, max_size=4)


@given(names, params)
def test_a_spec_written_is_read_back(name, given_params):
    spec = Spec(name, given_params)
    again = registry.parse(str(spec))
    assert again == spec
    assert {k: type(v) for k, v in again.params.items()} == {k: type(v) for k, v in given_params.items()}
    assert str(again) == str(spec)


def test_our_components_are_found_by_the_names_of_their_files():
    assert {"opus", "pcm", "codec2"} <= set(registry.names("codec"))
    assert registry.names("channel") == CHANNELS
    assert {"pesq", "stoi"} <= set(registry.names("metric"))
    assert registry.locate("codec", "opus") == ("baselines.opus", "make")
    assert registry.make("channel", registry.parse("gilbert:loss=0.1")) == Gilbert(0.1)


def test_every_value_knows_its_metric():
    values = registry.values()
    assert {"pesq_wb", "stoi", "si_sdr"} <= set(values)
    assert all(metric in registry.names("metric") for metric, _ in values.values())


MODULE = """
from math import tau
made = 5
class Codec:
    def __init__(self, size, *, level=1.0):
        self.facts = size, level
def free(**anything):
    return anything
"""


def test_a_component_elsewhere_is_made_by_module_and_attribute(place):
    (place / "fb_mine.py").write_text(MODULE)
    assert registry.make("codec", registry.parse("fb_mine:Codec:size=3,level=2.5")).facts == (3, 2.5)
    assert registry.make("codec", registry.parse("fb_mine:free:x=1,y=no")) == {"x": 1, "y": False}


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("codec", "opsu", "No codec called 'opsu'. Did you mean 'opus'?"),
        ("channel", "zzz", "No channel called 'zzz'. Known: " + ", ".join(CHANNELS) + "."),
        ("channel", "_checks", "No channel called '_checks'"),
        ("channel", "gilbert:los=0.1", "channel 'gilbert' has no parameter 'los'. Did you mean 'loss'?"),
        ("channel", "gilbert", "channel 'gilbert' needs the parameter 'loss': gilbert:loss=..."),
        ("channel", "clean:loss=1", "channel 'clean' has no parameter 'loss'. It takes none."),
        ("codec", "fb_none:Codec", "Python finds no module 'fb_none' from the current folder"),
        ("codec", "fb_mine.sub:Codec", "Python finds no module 'fb_mine.sub'"),
        ("codec", "fb_mine:Codek", "fb_mine has no 'Codek'. Did you mean 'Codec'?"),
        ("codec", "fb_mine:made", "fb_mine.made is a int, not a class or function"),
        ("codec", "fb_mine:Codec", "needs the parameter 'size': fb_mine:Codec:size=..."),
        ("codec", "fb_mine:Codec:size=1,levle=2", "has no parameter 'levle'. Did you mean 'level'?"),
        ("codec", "fb_broken:Codec", "importing fb_broken failed: ZeroDivisionError: division by zero"),
        ("codec", "fb_syntax:Codec", "importing fb_syntax failed: SyntaxError"),
        ("codec", "fb_lacks:Codec", "importing fb_lacks failed: ModuleNotFoundError: No module named 'fb_absent'"),
        ("codec", "fb_package.part:Codec", "importing fb_package.part failed: RuntimeError: not today"),
        ("codec", "builtins:int", "does not say which parameters it takes"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(place, kind, text, message):
    (place / "fb_mine.py").write_text(MODULE)
    (place / "fb_broken.py").write_text("1 / 0\n")
    (place / "fb_syntax.py").write_text("def\n")
    (place / "fb_lacks.py").write_text("import fb_absent\n")
    (place / "fb_package").mkdir()
    (place / "fb_package" / "__init__.py").write_text("raise RuntimeError('not today')\n")
    with pytest.raises(UserError) as caught:
        registry.make(kind, registry.parse(text))
    assert message in str(caught.value)


def test_an_installed_package_offers_its_components_by_name(place):
    (place / "fb_offer.py").write_text(MODULE)
    info = place / "fb_offer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fb-offer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[focalbench.codec]\nfb-codec = fb_offer:Codec\nfb-bad = fb_absent:Codec\n")
    forget()
    assert {"fb-codec", "opus"} <= set(registry.names("codec"))
    assert "fb_offer" not in sys.modules  # a list imports nothing
    assert registry.locate("codec", "fb-codec") == ("fb_offer", "Codec")
    assert registry.make("codec", registry.parse("fb-codec:size=4")).facts == (4, 1.0)
    with pytest.raises(UserError, match="Python finds no module 'fb_absent'"):
        registry.locate("codec", "fb-bad")
    with pytest.raises(UserError, match="Did you mean 'fb-codec'"):
        registry.locate("codec", "fb_codec")


def test_a_hint_is_the_nearest_name_or_all_of_them():
    assert registry.nearest("splt", ["split", "limit"]) == "Did you mean 'split'?"
    assert registry.nearest("zzz", ["b", "a"]) == "Known: a, b."


FOCALBENCH = str(Path(sys.executable).with_name("focalbench"))
NAMES = ("benchmark", "baselines", "tasks", "reports", "data_manifests")


def test_folders_of_ours_names_in_the_current_folder_do_not_shadow_ours(tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "fb_here.py").write_text("def make(): return 'from the current folder'\n")
    seen = subprocess.run([FOCALBENCH, "ls", "suites"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (seen.returncode, seen.stderr) == (0, "")
    assert "dropout" in seen.stdout
    code = f"""
import sys
from pathlib import Path
sys.path.remove("")  # a console script does not have it
import importlib
from benchmark import manifest, registry
registry.use_current_folder()
for name in {NAMES}:
    spec = importlib.util.find_spec(name)
    assert Path({str(tmp_path)!r}) not in [Path(p).parent for p in spec.submodule_search_locations], name
    importlib.import_module(name)
assert "opus" in registry.names("codec")
print(registry.make("codec", registry.parse("fb_here:make")))
"""
    seen = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (seen.stderr, seen.stdout) == ("", "from the current folder\n")


def test_the_current_folder_is_added_once_and_last(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    registry.use_current_folder()
    registry.use_current_folder()
    assert sys.path[: len(before)] == before
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_a_number_survives_the_text_of_its_spec():
    for value in (1e-5, 1e16, 1e300, -0.0, 0.1 + 0.2, 5e-324):
        again = registry.parse(str(Spec("x", {"a": value}))).params["a"]
        assert (again, math.copysign(1, again)) == (value, math.copysign(1, value))
