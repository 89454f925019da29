"""`baselines._libraries`: which library is taken, what is said where there is none, and that its checksum names it."""

import ctypes
import hashlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from baselines import gsm, lc3, speex
from baselines._libraries import INT, Library
from benchmark.types import Unavailable, UserError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the names of Linux's own libraries")
COSINE = (ctypes.c_double, [ctypes.c_double])
MATHS = Library("Cosines", "m", ("libm.so.6",), "libc6", {"cos": COSINE})
ABSENT = replace(MATHS, name="no-such", sonames=("libno-such.so.0", "libno-such.so"), package="libno-such0")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests."""
    for library in (MATHS, ABSENT, gsm.LIBRARY, lc3.LIBRARY, speex.LIBRARY):
        monkeypatch.delenv(library.variable, raising=False)


def file_of(native: ctypes.CDLL) -> Path:
    """The file of a loaded library, as the dynamic linker has it (dlinfo, RTLD_DI_LINKMAP)."""
    found = ctypes.POINTER(ctypes.c_char_p)()
    ctypes.CDLL(None).dlinfo(ctypes.c_void_p(native._handle), 2, ctypes.byref(found))
    return Path(found[1].decode())


def test_its_functions_are_typed() -> None:
    assert MATHS.load().cos(0.0) == 1.0
    assert MATHS.load() is MATHS.load()


def test_what_lacks_a_function_is_passed_over() -> None:
    found = replace(MATHS, sonames=("libno-such.so.0", "libc.so.6", "libm.so.6")).load()  # libc has no cosine
    assert (found._name, found.cos(0.0)) == ("libm.so.6", 1.0)
    with pytest.raises(Unavailable):
        replace(ABSENT, sonames=("libm.so.6",), signatures={"cosine_of_nothing": COSINE}).load()


def test_further_places_are_asked_last(tmp_path: Path) -> None:
    copy = shutil.copy(file_of(MATHS.load()), tmp_path / "another.so")

    def elsewhere() -> Iterator[str]:
        yield str(tmp_path / "nothing.so")
        yield str(copy)

    assert replace(ABSENT, elsewhere=elsewhere).load()._name == str(copy)
    assert replace(MATHS, elsewhere=elsewhere).load()._name == "libm.so.6"


def test_where_there_is_none_package_and_variable_are_named() -> None:
    with pytest.raises(Unavailable) as caught:
        replace(ABSENT, otherwise="a prayer, ").load()
    ways = "`apt-get install libno-such0`, a prayer, or FOCALBENCH_LIBNO_SUCH=PATH"
    assert str(caught.value) == f"Cosines needs libno-such: {ways}."


def test_the_variable_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copy(file_of(MATHS.load()), tmp_path / "ours.so")
    monkeypatch.setenv("FOCALBENCH_LIBNO_SUCH", str(copy))
    assert ABSENT.load().cos(0.0) == 1.0
    checksum = hashlib.sha256(Path(copy).read_bytes()).hexdigest()[:16]
    assert ABSENT.identity() == {"libno-such": f"ours.so, sha256 {checksum}"}


@pytest.mark.parametrize("named", ["/no/such/libm.so.6", "libc.so.6", __file__])
def test_a_variable_that_names_something_else_is_refused_in_one_line(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOCALBENCH_LIBM", named)
    with pytest.raises(UserError) as caught:  # not the system's in its place
        MATHS.load()
    text = str(caught.value)
    assert text.startswith(f"FOCALBENCH_LIBM={named!r} is not libm: ")
    assert text.endswith("Give the path of libm.so.6, or unset it.")
    assert "\n" not in text


def test_identity_is_the_file_that_a_bare_name_led_to() -> None:
    file = file_of(MATHS.load()).resolve()
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    assert MATHS.identity() == {"libm": f"{file.name}, sha256 {checksum}"}


@pytest.mark.parametrize("module", [gsm, lc3, speex])
def test_a_codec_without_its_library_says_how_to_get_it(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(module.LIBRARY, name="no-such", sonames=("libno-such.so.0",))
    monkeypatch.setattr(module, "LIBRARY", absent)
    with pytest.raises(Unavailable, match=f"`apt-get install {module.LIBRARY.package}`"):
        module.make()


@pytest.mark.parametrize("module", [gsm, lc3, speex])
def test_a_codec_is_known_by_its_library(module: ModuleType) -> None:
    try:
        identity = module.make().info.identity
    except Unavailable as error:
        pytest.skip(str(error))
    file = file_of(module.LIBRARY.load()).resolve()
    assert list(identity.values()) == [f"{file.name}, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}"]


def test_signatures_belong_to_one_library_alone() -> None:
    other = replace(MATHS, signatures={"cos": (INT, [ctypes.c_double])})
    assert other.load() is not MATHS.load()
    assert MATHS.load().cos.restype is ctypes.c_double
