"""Fingerprints follow what code means: not its comments, but its helpers."""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmark import fingerprint
from benchmark.fingerprint import _fingerprint, module_fingerprint


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder whose modules can be imported; forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith("fp_")]:
        del sys.modules[name]
    _fingerprint.cache_clear()


def of(place, module, **files):
    """The fingerprint of `module` once `files` are written; ``package__part`` is ``package/part.py``."""
    for name, text in files.items():
        path = place / (name.replace("__", "/") + ".py")
        if "__" in name:
            path.parent.mkdir(exist_ok=True)
            (path.parent / "__init__.py").touch()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    importlib.invalidate_caches()
    _fingerprint.cache_clear()
    return module_fingerprint(module)


CODE = "def f(x):\n    return x + 1\n\nclass A:\n    async def g(self):\n        return 2\n"


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + CODE,
        '"""What it is."""\n' + CODE,
        CODE.replace("    return x", '    """Add one."""\n    return x'),
        CODE.replace("class A:\n", 'class A:\n    """An A."""\n\n'),
        CODE.replace("        return 2", '        """Two."""\n        return 2'),
        CODE.replace("x + 1", "(x\n            + 1)"),
        "\n\n" + CODE.replace("    ", "  "),
        CODE.replace("\n", "\r\n"),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(place, same):
    assert of(place, "fp_mine", fp_mine=same) == of(place, "fp_mine", fp_mine=CODE)


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("+ 1", "+ 2"),
        CODE.replace("x + 1", "1 + x"),
        CODE.replace("def f(x)", "def f(x=0)"),
        CODE.replace("return 2", "return '2'"),
        CODE + "EXTRA = 1\n",
        CODE.replace("    return x", "    'Add one.'; 'not a docstring'\n    return x"),
    ],
)
def test_a_change_of_the_code_changes_it(place, other):
    assert of(place, "fp_mine", fp_mine=other) != of(place, "fp_mine", fp_mine=CODE)


@pytest.mark.parametrize(
    "line",
    [
        "from fp_pack.helper import f",
        "from fp_pack import helper",
        "import fp_pack.helper",
        "from .helper import f",
        "from . import helper",
        "def late():\n    from .helper import f",
    ],
)
def test_a_change_in_a_helper_changes_it_through_any_import(place, line):
    files = {"fp_pack__codec": line, "fp_pack__helper": "from .deep import g\nf = g", "fp_pack__deep": "g = 1"}
    before = of(place, "fp_pack.codec", **files)
    assert of(place, "fp_pack.codec", fp_pack__deep="g = 1  # one") == before
    assert of(place, "fp_pack.codec", fp_pack__deep="g = 2") != before
    assert of(place, "fp_pack.codec", fp_pack__deep="g = 1", fp_pack__helper="f = 1") != before


def test_helpers_that_import_each_other_are_no_trouble(place):
    files = {"fp_pack__a": "from . import b", "fp_pack__b": "from . import a\nx = 1"}
    before = of(place, "fp_pack.a", **files)
    assert of(place, "fp_pack.a", fp_pack__b="from . import a\nx = 2") != before


def test_a_users_single_file_follows_the_files_beside_it(place):
    before = of(place, "fp_mine", fp_mine="import fp_other", fp_other="x = 1")
    assert of(place, "fp_mine", fp_other="x = 2") != before


def test_a_users_package_follows_itself_only(place, monkeypatch):
    code = "import fp_other\nfrom benchmark import bits\nimport numpy"
    before = of(place, "fp_pack.codec", fp_pack__codec=code, fp_other="x = 1")
    assert of(place, "fp_pack.codec", fp_other="x = 2") == before
    source = fingerprint._source
    monkeypatch.setattr(fingerprint, "_source", lambda m: (source(m) or b"") + b"\nX = 1\n" * (m == "benchmark.bits"))
    assert of(place, "fp_pack.codec") == before


def test_neighbours_in_site_packages_are_strangers(place, monkeypatch):
    before = of(place, "fp_mine", fp_mine="import fp_other", fp_other="x = 1")
    monkeypatch.setattr(fingerprint, "SHARED", (place.name,))
    alone = of(place, "fp_mine")
    assert alone != before
    assert of(place, "fp_mine", fp_other="x = 2") == alone


def test_an_unused_neighbour_does_not_count(place):
    before = of(place, "fp_pack.codec", fp_pack__codec="x = 1", fp_pack__other="y = 1")
    assert of(place, "fp_pack.codec", fp_pack__other="y = 2") == before


@pytest.mark.parametrize(
    ("module", "helper", "follows"),
    [
        ("benchmark.channels.gilbert", "benchmark.channels.bernoulli", True),
        ("benchmark.channels.gilbert", "benchmark.types", True),
        ("benchmark.channels.clean", "benchmark.channels.bernoulli", False),
        ("baselines.opus", "benchmark.types", True),
        ("baselines.opus", "baselines.codec2", False),
    ],
)
def test_ours_follow_ours(monkeypatch, module, helper, follows):
    before = module_fingerprint(module)
    source = fingerprint._source
    monkeypatch.setattr(
        fingerprint, "_source", lambda m: (source(m) or b"") + b"\nX = 1\n" if m == helper else source(m)
    )
    _fingerprint.cache_clear()
    assert (module_fingerprint(module) != before) is follows
    _fingerprint.cache_clear()


def test_a_source_in_another_encoding_is_read_as_it_says(place):
    text = "# -*- coding: latin-1 -*-\nx = 'ä'\n"
    assert of(place, "fp_mine", fp_mine=text.encode("latin-1")) == of(place, "fp_mine", fp_mine="x = 'ä'\n")


def test_what_a_card_tells_changes_nothing(place):
    texts = ("x = 2\n", "CARD = Card('one')\nx = 2\n", "CARD = Card('two', code='MIT')\nx = 2\n")
    assert len({of(place, "fp_mine", fp_mine=text) for text in texts}) == 1
    assert of(place, "fp_mine", fp_mine="CARD = Card('one')\nx = 3\n") != of(place, "fp_mine", fp_mine=texts[0])
    assert of(place, "fp_mine", fp_mine="CARD = 1\nx = 2\n") != of(place, "fp_mine", fp_mine="CARD = 2\nx = 2\n")


def test_threads_may_ask_at_once() -> None:
    """Python 3.11 loses count of its recursion where two threads build syntax trees."""
    modules = [
        "benchmark.link",
        "benchmark.pipeline",
        "benchmark.cli",
        "baselines.opus",
        "reports.html",
        "benchmark.run",
    ]
    for _ in range(3):
        _fingerprint.cache_clear()
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(module_fingerprint, modules))
        assert len(set(found)) == len(modules)
