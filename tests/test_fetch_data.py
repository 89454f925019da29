"""How `benchmark.fetch` gets data sets: zip archives, several archives, MD5, things brought by hand, joins."""

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import cli, fetch, manifest
from benchmark.download import File
from benchmark.types import UserError
from tests.test_fetch import Hub, quiet, serving, tar_of

NAME = "small"
CLEAN, NOISY = "clean_testset_wav", "noisy_testset_wav"


def zip_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()  # the publisher's, against accidents alone


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Serves `files` by name, and promises nothing."""
    hub = Hub()
    hub.files, hub.promises, hub.commits = {}, {}, {}
    with serving(hub):
        yield hub


def source(**changes: object) -> fetch.Source:
    fields = {"name": NAME, "provides": NAME, "title": "A small set", "licence": "CC0-1.0", "citation": "nobody"}
    return fetch.Source(**{**fields, **changes})


def serve(hub: Hub, files: dict[str, bytes], **changes: object) -> fetch.Source:
    """A source of several files; archives in it are zip."""
    hub.files |= files
    hub.commits |= dict.fromkeys(files, "")
    entries = tuple(File(f"http://127.0.0.1:{hub.server_port}/api/{name}", unchecked=True) for name in files)
    return source(**{"files": entries, "archive": "zip", **changes})


def archive(hub: Hub, content: bytes, kind: str = "zip", **changes: object) -> fetch.Source:
    hub.files[f"small.{kind}"] = content
    hub.commits[f"small.{kind}"] = ""
    url = f"http://127.0.0.1:{hub.server_port}/api/small.{kind}"
    return source(**{"url": url, "sha256": sha256(content), "archive": kind, **changes})


EMODB = {"wav/03a01Fa.wav": b"joy", "wav/16b10Wb.wav": b"anger"}


def voicebank() -> dict[str, bytes]:
    """The archives of the test and training set, of one utterance each, and the transcript of one."""
    words = {"p232_001": "testset", "p226_002": "trainset_28spk"}
    archives = {
        f"{side}_{part}_wav.zip": zip_of({f"{side}_{part}_wav/{name}.wav": side.encode()})
        for name, part in words.items()
        for side in ("clean", "noisy")
    }
    return archives | {"testset_txt.zip": zip_of({"testset_txt/p232_001.txt": b"Please call Stella.\n"})}


# --- archives --------------------------------------------------------------------------------------------


def test_a_zip_becomes_a_folder_with_a_manifest(hub, tmp_path):
    folder = fetch.bring(archive(hub, zip_of(EMODB), layout="emodb"), tmp_path, quiet)
    dataset = manifest.verify(manifest.load(NAME, tmp_path))
    assert [u.labels["label"] for u in dataset.utterances] == ["happiness", "anger"]
    assert {u.labels["source"] for u in dataset.utterances} == {NAME}
    assert {u.labels["licence"] for u in dataset.utterances} == {"CC0-1.0"}
    assert sorted(p.name for p in folder.iterdir()) == [".fetched", "manifest.csv", "wav"]
    assert not list((tmp_path / "downloads").iterdir())


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"../evil.txt": b"x"}, {}),
        ({"/evil.txt": b"x"}, {}),
        ({"good/../../evil.txt": b"x"}, {}),
        ({"good\\..\\..\\evil.txt": b"x"}, {}),
        ({}, {"evil.txt": "/etc/passwd"}),
    ],
    ids=["up", "absolute", "down and up", "of another system", "link"],
)
def test_a_zip_that_would_write_elsewhere_is_refused(hub, tmp_path, files, links):
    root = tmp_path / "root"
    with pytest.raises(UserError, match="not safe to unpack"):
        fetch.bring(archive(hub, zip_of({"ok.txt": b"x", **files}, links)), root, quiet)
    assert not (root / NAME).exists()
    assert [p.name for p in tmp_path.rglob("*evil*")] == []


def test_a_broken_archive_is_one_line(hub, tmp_path):
    whole = zip_of({"a.txt": b"some text, and more of it" * 9})
    broken = {"short": whole[:60], "changed": whole.replace(b"some", b"same"), "tar.gz": b"no"}
    for name, content in broken.items():
        wanted = archive(hub, content, "tar.gz" if name == "tar.gz" else "zip", provides=name)
        with pytest.raises(UserError, match="cannot be unpacked") as caught:
            fetch.bring(wanted, tmp_path / name, quiet)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / name / name).exists()


# --- several files, archives among them ------------------------------------------------------------------


def test_archives_among_files_are_unpacked_side_by_side(hub, tmp_path):
    files = voicebank() | {"readme.txt": b"hello"}
    wanted = serve(hub, files, layout="voicebank_demand")
    folder = fetch.bring(wanted, tmp_path, quiet)
    dataset = manifest.verify(manifest.load(NAME, tmp_path))
    told = {u.id: (u.labels["split"], u.labels["transcript"], u.labels["clean"]) for u in dataset.utterances}
    assert told == {
        "p226_002": ("valid", "", "clean_trainset_28spk_wav/p226_002.wav"),
        "p232_001": ("test", "Please call Stella.", "clean_testset_wav/p232_001.wav"),
    }
    assert (folder / "readme.txt").read_bytes() == b"hello"
    assert not list(folder.glob("*.zip"))
    assert not list((tmp_path / "downloads").iterdir())
    assert fetch.received(folder)["testset_txt.zip"].checked == "nobody"
    asked = len(hub.asked)
    fetch.bring(wanted, tmp_path, quiet)
    assert len(hub.asked) == asked, "a second fetch asks for nothing"


def test_a_publisher_s_md5_is_held_against_what_came(hub, tmp_path):
    files = voicebank()
    right = {name: md5(content) for name, content in files.items()}
    folder = fetch.bring(serve(hub, files, layout="voicebank_demand", md5=right), tmp_path / "right", quiet)
    assert {one.checked for one in fetch.received(folder).values()} == {"publisher"}
    wrong = right | {f"{NOISY}.zip": "0" * 32}
    words = f"has MD5 {right[f'{NOISY}.zip']}, its publisher says {'0' * 32}; delete it"
    with pytest.raises(UserError, match=words):
        fetch.bring(serve(hub, files, layout="voicebank_demand", md5=wrong), tmp_path, quiet)
    assert not (tmp_path / NAME).exists()


def test_what_came_whole_is_not_asked_for_again_when_another_file_fails(hub, tmp_path):
    files = voicebank()
    wanted = serve(hub, files, layout="voicebank_demand", md5={name: md5(content) for name, content in files.items()})
    hub.files["testset_txt.zip"] = None
    with pytest.raises(
        UserError, match=r"404 Not Found\. You can put .* into .*downloads/small by other means and run"
    ):
        fetch.bring(wanted, tmp_path, quiet)
    hub.files, hub.asked = files, []
    fetch.bring(wanted, tmp_path, quiet)
    assert [path for path, _ in hub.asked] == ["/api/testset_txt.zip"]


@pytest.mark.parametrize("known", ["sha256", "md5", "nothing"])
def test_archives_brought_by_hand_are_checked_used_and_kept(hub, tmp_path, known):
    files = voicebank()
    wanted = serve(hub, files, layout="voicebank_demand")
    if known == "sha256":
        wanted = replace(wanted, files=tuple(replace(file, sha256=sha256(files[file.name])) for file in wanted.files))
    elif known == "md5":
        wanted = replace(wanted, md5={name: md5(content) for name, content in files.items()})
    parts = tmp_path / "downloads" / NAME
    parts.mkdir(parents=True)
    for name, content in files.items():
        (parts / name).write_bytes(content)
    folder = fetch.bring(wanted, tmp_path, quiet)
    checked = {"sha256": "ours", "md5": "publisher", "nothing": "nobody"}[known]
    assert {one.checked for one in fetch.received(folder).values()} == {checked}
    assert sorted(p.name for p in parts.iterdir()) == sorted(files)
    assert not hub.asked
    if known != "nothing":
        (parts / f"{CLEAN}.zip").write_bytes(b"an error page")
        with pytest.raises(UserError, match=rf"{CLEAN}\.zip has .*; delete it"):
            fetch.bring(replace(wanted, provides="again"), tmp_path, quiet)


# --- what a program may not or cannot bring --------------------------------------------------------------

STEPS = ("Ask for it.", "Put it into {folder}.")


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_steps_are_one_line_until_the_files_are_there(tmp_path):
    wanted = source(steps=STEPS, layout="emodb")
    folder = tmp_path / NAME
    with pytest.raises(UserError) as caught:
        fetch.bring(wanted, tmp_path, quiet)
    told = (
        f"small has to be brought by hand: (1) Ask for it. (2) Put it into {folder}. Then run `focalbench fetch small`."
    )
    assert str(caught.value) == told
    assert not folder.exists()
    put(folder, EMODB)
    assert fetch.bring(wanted, tmp_path, quiet) == folder
    assert len(manifest.verify(manifest.load(NAME, tmp_path)).utterances) == 2
    put(folder, {"wav/14a02Tc.wav": b"sadness"})
    fetch.bring(wanted, tmp_path, quiet)
    assert len(manifest.load(NAME, tmp_path).utterances) == 3, "what was added is found"
    assert (folder / "wav" / "03a01Fa.wav").read_bytes() == b"joy"


def test_steps_say_what_is_missing_and_leave_the_manifest_that_was_there(tmp_path):
    wanted = source(steps=STEPS, layout="emodb")
    folder = put(tmp_path / NAME, {"elsewhere/03a01Fa.wav": b"joy"})
    with pytest.raises(
        UserError, match=r"holds no wav/\*\.wav; .* small has to be brought by hand: \(1\) Ask"
    ) as caught:
        fetch.bring(wanted, tmp_path, quiet)
    assert "\n" not in str(caught.value)
    put(folder, EMODB)
    fetch.bring(wanted, tmp_path, quiet)
    put(folder, {"wav/holiday.wav": b"?"})
    before = (folder / "manifest.csv").read_text()
    with pytest.raises(UserError, match=r"holiday\.wav is not named as"):
        fetch.bring(wanted, tmp_path, quiet)
    assert (folder / "manifest.csv").read_text() == before


def test_a_manifest_of_the_users_own_is_left_alone(tmp_path):
    folder = put(tmp_path / NAME, EMODB | {"manifest.csv": b"path\nwav/03a01Fa.wav\n"})
    with pytest.raises(UserError, match=r"manifest\.csv exists, but `focalbench fetch` did not make it"):
        fetch.bring(source(steps=STEPS, layout="emodb"), tmp_path, quiet)
    assert (folder / "manifest.csv").read_bytes() == b"path\nwav/03a01Fa.wav\n"


def test_the_command_tells_the_steps(tmp_path, capsys):
    assert cli.main(["fetch", "iemocap", "--data-root", str(tmp_path)]) != 0
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert f"Unpack IEMOCAP_full_release.tar.gz into {tmp_path / 'iemocap'}, so that" in said
    assert "{" not in said


# --- sources that join others ----------------------------------------------------------------------------


def librispeech(part: str, speaker: str, utterances: int) -> bytes:
    chapter = f"LibriSpeech/{part}/{speaker}/1"
    names = [f"{speaker}-1-{number:04d}" for number in range(utterances)]
    texts = "".join(f"{name} WORD {name[-1]}\n" for name in names).encode()
    return tar_of({f"{chapter}/{speaker}-1.trans.txt": texts, **{f"{chapter}/{n}.flac": n.encode() for n in names}})


@pytest.fixture
def joined(hub, monkeypatch) -> dict[str, fetch.Source]:
    """Two parts of LibriSpeech, joined as they are and for speaker identification."""
    contents = {"train": librispeech("train-clean-100", "19", 10), "test": librispeech("test-clean", "61", 5)}
    parts = {
        name: replace(archive(hub, content, "tar.gz", layout="librispeech"), name=name, provides=name)
        for name, content in contents.items()
    }
    for name, content in contents.items():
        hub.files[f"{name}.tar.gz"], hub.commits[f"{name}.tar.gz"] = content, ""
        parts[name] = replace(parts[name], url=parts[name].url.replace("small", name))
    shares = {"train": 0.8, "valid": 0.1, "test": 0.1}
    both = {
        "both": source(name="both", provides="both", parts=("train", "test")),
        "speakers": source(name="speakers", provides="speakers", parts=("train", "test"), shares=shares),
    }
    monkeypatch.setattr(fetch, "known", lambda: parts | both)
    return both


def test_joined_sources_are_one_manifest_of_files_that_stay_where_they_are(hub, joined, tmp_path):
    folder = fetch.bring(joined["both"], tmp_path, quiet)
    dataset = manifest.verify(manifest.load("both", tmp_path))
    assert [(u.id, u.labels["split"]) for u in dataset.utterances] == [
        *((f"19-1-{number:04d}", "train") for number in range(10)),
        *((f"61-1-{number:04d}", "test") for number in range(5)),
    ]
    assert {u.path.relative_to(tmp_path.resolve()).parts[0] for u in dataset.utterances} == {"train", "test"}
    assert {u.labels["source"] for u in dataset.utterances} == {"train", "test"}
    assert sorted(p.name for p in folder.iterdir()) == [".fetched", "manifest.csv"]
    asked = len(hub.asked)
    fetch.bring(joined["both"], tmp_path, quiet)
    assert len(hub.asked) == asked == 2


def test_for_speaker_identification_every_speaker_is_in_every_split(joined, tmp_path):
    fetch.bring(joined["speakers"], tmp_path, quiet)
    utterances = manifest.load("speakers", tmp_path).utterances
    counts = {
        (speaker, split): sum(u.speaker == speaker and u.labels["split"] == split for u in utterances)
        for speaker in ("19", "61")
        for split in ("train", "valid", "test")
    }
    assert counts == {
        ("19", "train"): 8,
        ("19", "valid"): 1,
        ("19", "test"): 1,
        ("61", "train"): 4,
        ("61", "valid"): 0,
        ("61", "test"): 1,
    }
    assert len({u.id for u in utterances}) == len(utterances) == 15, "no utterance is in two splits"
