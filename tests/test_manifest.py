"""Data manifests: every form read, every mistake one clear line, every file found and hashed."""

import hashlib
import json
from pathlib import Path

import pytest

from benchmark import manifest
from benchmark.types import UserError


@pytest.fixture
def root(tmp_path) -> Path:
    """A data root apart from the corpus, which lies in ``corpus/``."""
    (tmp_path / "root").mkdir()
    (tmp_path / "corpus").mkdir()
    return tmp_path / "root"


@pytest.fixture
def corpus(root) -> Path:
    return root.parent / "corpus"


def put(path: Path, content: str | bytes = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def loaded(path: Path, root: Path) -> list[tuple[str, str, str, dict[str, str]]]:
    return [(u.id, str(u.path), u.speaker, dict(u.labels)) for u in manifest.load(str(path), root).utterances]


EXPECTED = [("u1", "a.wav", "s1", {"transcript": "hello, you"}), ("u2", "b.wav", "s2", {"transcript": "ja ä"})]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", 'id,path,speaker,transcript\nu1,a.wav,s1,"hello, you"\nu2,b.wav,s2,ja ä\n'),
        ("m.CSV", 'transcript,speaker,path,id\n"hello, you",s1,a.wav,u1\nja ä,s2,b.wav,u2\n'),
        (
            "bom.csv",
            b"\xef\xbb\xbf" + 'id,path,speaker,transcript\r\nu1,a.wav,s1,"hello, you"\r\nu2,b.wav,s2,ja ä'.encode(),
        ),
        (
            "m.jsonl",
            '{"id": "u1", "path": "a.wav", "speaker": "s1", "transcript": "hello, you"}\n\n'
            '{"id": "u2", "audio_filepath": "b.wav", "speaker": "s2", "text": "ja ä", "more": [1], "none": null}\n',
        ),
    ],
)
def test_every_form_of_file_says_the_same(corpus, root, name, content):
    assert loaded(put(corpus / name, content), root) == EXPECTED


def test_a_kaldi_folder_says_the_same(corpus, root):
    put(corpus / "wav.scp", "u1 a.wav\n\nu2   b.wav\n")
    put(corpus / "utt2spk", "u1 s1\nu2 s2\n")
    put(corpus / "text", "u1 hello, you\nu2 ja ä\n")
    assert loaded(corpus, root) == EXPECTED
    assert manifest.load(str(corpus), root).name == "corpus"


def test_a_folder_of_audio_is_its_own_manifest(corpus, root):
    for name in ("b/2.FLAC", "a.wav", "b/notes.txt", "c.mp3"):
        put(corpus / name)
    dataset = manifest.load(str(corpus), root)
    assert [u.id for u in dataset.utterances] == ["a", "b/2", "c"]
    assert [u.path.name for u in manifest.verify(dataset).utterances] == ["a.wav", "2.FLAC", "c.mp3"]


def test_a_transcript_may_hold_any_separator_but_a_newline(corpus, root):
    text = "one\u2028two\x85three\x1cfour"
    put(corpus / "m.jsonl", json.dumps({"path": "a.wav", "text": text}, ensure_ascii=False))
    put(corpus / "kaldi" / "wav.scp", "u1 a.wav")
    put(corpus / "kaldi" / "text", f"u1 {text}\n")
    for source in (corpus / "m.jsonl", corpus / "kaldi"):
        assert loaded(source, root)[0][3] == {"transcript": text}


@pytest.mark.parametrize(
    ("path", "identity"),
    [("x/a.b.wav", "x/a.b"), ("./a.wav", "a"), ("/x/a.wav", "/x/a"), ("a", "a"), (".", ".")],
)
def test_without_an_id_the_path_names_the_utterance(corpus, root, path, identity):
    assert loaded(put(corpus / "m.csv", f"path\n{path}\n"), root)[0][0] == identity


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "", "m.csv holds no utterances"),
        ("m.csv", "id,path\n", "m.csv holds no utterances"),
        ("m.jsonl", "\n\n", "m.jsonl holds no utterances"),
        ("m.csv", "id,Path\na,a.wav\n", "m.csv has no column 'path'. Did you mean 'Path'?"),
        ("m.csv", "id,path\na,\n", "m.csv, entry 1 has no path"),
        ("m.csv", "id,path\na,a.wav\na,b.wav\n", "the id 'a' stands twice; ids must be unique"),
        ("m.csv", "id,path,transcript\na,a.wav,yes, sir\n", "entry 1 has more fields than there are columns"),
        ("m.csv", b"path\n\xff.wav\n", "m.csv is not text in UTF-8"),
        ("m.csv", 'path\n"' + "x" * 200_000, "m.csv is no table in CSV"),
        ("m.jsonl", '{"path": "a.wav"}\n{"path": \n', "m.jsonl, line 2 is not JSON"),
        ("m.jsonl", "[" * 100_000, "m.jsonl, line 1 is not JSON"),
        ("m.jsonl", '["a.wav"]\n', "m.jsonl, line 1 is not an object"),
        ("m.jsonl", '{"id": "a"}\n', "m.jsonl, entry 1 has no path"),
        ("m.jsonl", b"\xff", "m.jsonl is not text in UTF-8"),
        ("m.tsv", "path\na.wav\n", "m.tsv is no manifest: .csv, .jsonl, a Kaldi folder"),
    ],
)
def test_a_bad_manifest_is_one_clear_error(corpus, root, name, content, message):
    source = put(corpus / name, content)
    with pytest.raises(UserError) as caught:
        manifest.load(str(source), root)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"wav.scp": ""}, "holds no utterances"),
        ({"wav.scp": "a sph2pipe -f wav a.sph |"}, "a is a pipe, which is never run"),
        ({"wav.scp": "a a.wav", "segments": ""}, "`segments`"),
        ({"wav.scp": "a a.wav\nb b.wav\na c.wav"}, "wav.scp, line 3: the id 'a' stands twice"),
        ({"wav.scp": "a a.wav", "text": "a yes\na no"}, "text, line 2: the id 'a' stands twice"),
        ({"wav.scp": "a\n"}, "entry 1 has no path"),
        ({"wav.scp": b"a \xff.wav"}, "wav.scp is not text in UTF-8"),
        ({"a.wav": "", "a.flac": ""}, "the id 'a' stands twice"),
        ({"a.txt": ""}, "holds no audio (.flac, .wav"),
    ],
)
def test_a_bad_folder_is_one_clear_error(corpus, root, files, message):
    for name, content in files.items():
        put(corpus / name, content)
    with pytest.raises(UserError) as caught:
        manifest.load(str(corpus), root)
    assert message in str(caught.value)


@pytest.mark.parametrize("source", ["nowhere.csv", "", "x" * 400])
def test_no_such_data_is_said_so(root, source):
    with pytest.raises(UserError, match="neither a file, a folder, a shipped corpus"):
        manifest.load(source, root)


def test_the_demo_corpus_ships_complete(root):
    demo = manifest.verify(manifest.load("demo", root))
    assert demo.name == "demo"
    assert len(demo.utterances) >= 12
    assert len({u.speaker for u in demo.utterances}) == 4
    assert all(u.labels["transcript"] for u in demo.utterances)


def test_a_bare_name_is_a_data_set_before_it_is_a_folder(root, tmp_path, monkeypatch):
    put(root / "fetched" / "manifest.csv", "path\na.wav\n")
    assert manifest.load("fetched", root).source == root / "fetched" / "manifest.csv"
    put(tmp_path / "demo" / "a.wav", "")
    monkeypatch.chdir(tmp_path)
    assert len(manifest.load("demo", root).utterances) > 1
    assert len(manifest.load("./demo", root).utterances) == 1


@pytest.mark.parametrize("place", ["corpus/sub", "corpus", "root"])
def test_a_path_is_looked_up_beside_the_manifest_then_above_then_in_the_data_root(corpus, root, place):
    source = put(corpus / "sub" / "m.csv", "id,path\nu1,speech/a.wav\n")
    put(root.parent / place / "speech" / "a.wav", "here")
    found = manifest.verify(manifest.load(str(source), root)).utterances[0]
    assert found.path == root.parent / place / "speech" / "a.wav"
    assert found.sha256 == sha("here")


def test_the_nearest_of_several_files_is_taken(corpus, root):
    source = put(corpus / "sub" / "m.csv", "id,path\nu1,a.wav\n")
    for folder in (root, corpus, corpus / "sub"):
        put(folder / "a.wav")
        assert manifest.verify(manifest.load(str(source), root)).utterances[0].path == folder / "a.wav"


def test_an_absolute_path_is_taken_as_it_stands(corpus, root):
    audio = put(root.parent / "elsewhere" / "a.wav")
    source = put(corpus / "m.csv", f"id,path\nu1,{audio}\n")
    assert manifest.verify(manifest.load(str(source), root)).utterances[0].path == audio
    audio.unlink()
    with pytest.raises(UserError, match=f"'{audio}' is none of {audio}") as caught:
        manifest.verify(manifest.load(str(source), root))
    assert str(root) not in str(caught.value)


@pytest.mark.parametrize("path", ["a.wav", "folder", "long " * 100])
def test_a_missing_file_lists_where_it_was_looked_for(corpus, root, path):
    (corpus / "folder").mkdir()
    source = put(corpus / "m.csv", f"id,path\nu1,{path}\n")
    with pytest.raises(UserError, match=r"m\.csv: the audio of 'u1' is missing") as caught:
        manifest.verify(manifest.load(str(source), root))
    for folder in (corpus, corpus.parent, root):
        assert str(folder / path) in str(caught.value)


@pytest.mark.parametrize("written", [str.lower, str.upper, lambda s: f" {s} "])
def test_a_checksum_in_the_manifest_is_held_to(corpus, root, written):
    put(corpus / "a.wav", "right")
    source = put(corpus / "m.csv", f"id,path,sha256\nu1,a.wav,{written(sha('right'))}\n")
    assert manifest.verify(manifest.load(str(source), root)).utterances[0].sha256 == sha("right")
    put(corpus / "a.wav", "wrong")
    with pytest.raises(UserError, match=f"a.wav has SHA-256 {sha('wrong')}, the manifest says {sha('right')}"):
        manifest.verify(manifest.load(str(source), root))


@pytest.mark.parametrize(("place", "name"), [("corpus/sub", "x/a.wav"), ("corpus", "sub/x/a.wav")])
@pytest.mark.parametrize("style", ["{} {}", "{}  {}", "{} *{}"])
def test_checksums_in_a_file_beside_or_above_are_held_to(corpus, root, place, name, style):
    source = put(corpus / "sub" / "m.csv", "id,path\nu1,x/a.wav\n")
    put(corpus / "sub" / "x" / "a.wav", "right")
    sums = put(root.parent / place / "SHA256SUMS", style.format(sha("right"), name) + "\n")
    manifest.verify(manifest.load(str(source), root))
    put(sums, style.format(sha("wrong"), name) + "\n")
    with pytest.raises(UserError, match=f"the manifest says {sha('wrong')}. Fetch the file again"):
        manifest.verify(manifest.load(str(source), root))


def test_checksums_that_are_no_text_are_one_clear_error(corpus, root):
    put(corpus / "a.wav")
    put(corpus / "SHA256SUMS", b"\xff\xff a.wav")
    with pytest.raises(UserError, match="SHA256SUMS is not text in UTF-8"):
        manifest.verify(manifest.load(str(put(corpus / "m.csv", "path\na.wav\n")), root))


def spoken(corpus, root, speakers=3, each=4, split="test"):
    rows = [f"{s}-{i},a.wav,{s},{split if i else 'dev'}" for s in range(speakers) for i in range(each)]
    return manifest.load(str(put(corpus / "m.csv", "\n".join(["id,path,speaker,split", *rows]))), root)


def test_a_split_is_chosen_by_its_name(corpus, root):
    chosen = manifest.select(spoken(corpus, root), "dev", None).utterances
    assert sorted(u.id for u in chosen) == ["0-0", "1-0", "2-0"]
    with pytest.raises(UserError, match=r"m\.csv has no split 'tets'. Did you mean 'test'"):
        manifest.select(spoken(corpus, root), "tets", None)


def test_a_split_cannot_be_chosen_where_there_are_none(corpus, root):
    source = put(corpus / "m.csv", "path\na.wav\n")
    with pytest.raises(UserError, match=r"m\.csv has no column 'split', so 'test' cannot be chosen"):
        manifest.select(manifest.load(str(source), root), "test", None)


def test_a_limit_goes_round_the_speakers_and_keeps_what_a_smaller_one_had(corpus, root):
    dataset = spoken(corpus, root)
    everything = manifest.select(dataset, None, None).utterances
    assert sorted(u.id for u in everything) == sorted(u.id for u in dataset.utterances)
    for limit in range(1, 13):
        chosen = manifest.select(dataset, None, limit).utterances
        assert chosen == everything[:limit]
        counts = [sum(u.speaker == s for u in chosen) for s in "012"]
        assert max(counts) - min(counts) <= 1
    assert len(manifest.select(dataset, None, 99).utterances) == 12


def test_the_choice_does_not_depend_on_the_order_of_the_manifest(corpus, root):
    rows = [f"{s}-{i},a.wav,{s}" for s in range(3) for i in range(4)]
    orders = (rows, rows[::-1])
    chosen = []
    for order in orders:
        source = put(corpus / "m.csv", "\n".join(["id,path,speaker", *order]))
        chosen.append([u.id for u in manifest.select(manifest.load(str(source), root), None, 5).utterances])
    assert chosen[0] == chosen[1]
    assert chosen[0] != [row.partition(",")[0] for row in rows[:5]]


def test_a_column_divides_a_data_set(root, corpus):
    """Each value of it is one, in the order of the values."""
    lines = ["id,path,speaker,language", "a,a.wav,x,nl", "b,b.wav,y,de", "c,c.wav,x,de"]
    data = manifest.load(str(put(corpus / "manifest.csv", "\n".join(lines))), root)
    parts = manifest.divided(data, "language")
    assert [(p.name, [u.id for u in p.utterances]) for p in parts] == [("corpus de", ["b", "c"]), ("corpus nl", ["a"])]
    assert [p.name for p in manifest.divided(data, "speaker")] == ["corpus x", "corpus y"]
    assert manifest.divided(data, None) == [data]
    with pytest.raises(
        UserError, match=r"data\.by: 3 of 3 utterances of .* have nothing in the column 'langage'\. Did"
    ):
        manifest.divided(data, "langage")
