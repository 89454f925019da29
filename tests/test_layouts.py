"""Layouts of published data sets on tiny ones with their names: splits as published, a line for what is missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import fetch, layouts, manifest
from benchmark.layouts import crema_d, emodb, slurp
from benchmark.types import UserError

Files = dict[str, bytes]


def put(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def audio(*names: str) -> Files:
    """Each with a content of its own, which nothing here decodes."""
    return {name: name.encode() for name in names}


def rows(layout: str, folder: Path) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in layouts.LAYOUTS[layout](folder)}


def speech_commands() -> Files:
    names = audio(
        "bed/0a7c2a8d_nohash_0.wav",
        "bed/0a7c2a8d_nohash_1.wav",
        "yes/0a7c2a8d_nohash_0.wav",
        "bed/026290a7_nohash_0.wav",
        "yes/01b4757a_nohash_0.wav",
        "_background_noise_/running_tap.wav",
    )
    valid, test = b"bed/026290a7_nohash_0.wav\n", b"yes/01b4757a_nohash_0.wav\n"
    return names | {"validation_list.txt": valid, "testing_list.txt": test, "README.md": b""}


def emodb_files() -> Files:
    speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
    return audio(
        *(f"wav/{speaker}a01{letter}b.wav" for speaker in speakers for letter in "WLEAFTN"), "wav/._03a01Wb.wav"
    )


def crema() -> Files:
    clips = [f"AudioWAV/{actor}_DFA_{emotion}_XX.wav" for actor in range(1001, 1092) for emotion in ("ANG", "NEU")]
    more = ["AudioWAV/1076_MTI_SAD_XX.wav", "AudioWAV/1001_IEO_HAP_HI.wav", "AudioWAV/1040_ITH_SAD_X.wav"]
    people = b"ActorID,Age,Sex,Race,Ethnicity\r\n1001,51,Male,Caucasian,Not Hispanic\r\n1002,21,Female,Caucasian,x\r\n"
    return audio(*clips, *more) | {"VideoDemographics.csv": people}


def iemocap(base: str = "IEMOCAP_full_release/") -> Files:
    """Of each session one dialogue, by the two of them; who wears the markers is not always who speaks."""
    files: Files = {}
    for n in range(1, 6):
        dialogue = f"Ses0{n}F_impro01"
        told = [("F000", "neu"), ("M000", "ang"), ("F001", "exc"), ("M001", "xxx"), ("F002", "hap"), ("M002", "sad")]
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        for turn, emotion in told:
            lines += [f"[6.2901 - 8.2357]\t{dialogue}_{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]"]
            lines += ["C-E2:\tNeutral;\t()", "A-F1:\tval 3; act 2; dom  2;\t()", ""]
            files |= audio(f"{base}Session{n}/sentences/wav/{dialogue}/{dialogue}_{turn}.wav")
        spoken = (
            f"{dialogue}_F000 [006.2901-008.2357]: Excuse me.\nM: huh\n{dialogue}_M000 [010.0100-011.3934]: Yeah.\n"
        )
        files[f"{base}Session{n}/dialog/EmoEvaluation/{dialogue}.txt"] = "\r\n".join(lines).encode()
        files[f"{base}Session{n}/dialog/EmoEvaluation/Categorical/{dialogue}_e1_cat.txt"] = b"nothing for us"
        files[f"{base}Session{n}/dialog/transcriptions/{dialogue}.txt"] = spoken.encode()
    return files


def slurp_files() -> Files:
    texts = {"train": "wake me up", "train_synthetic": "stop the alarm", "devel": "play jazz", "test": "olly quiet"}
    scenarios = {"train": "alarm", "train_synthetic": "alarm", "devel": "play", "test": "audio"}
    files: Files = {}
    people = {}
    for number, (split, text) in enumerate(texts.items()):
        names = [f"audio-{number}.flac", f"audio-{number}-headset.flac"]
        entry = {"slurp_id": number, "sentence": text, "intent": "i", "action": "a", "scenario": scenarios[split]}
        entry["recordings"] = [{"file": name, "wer": 0.0, "status": "correct"} for name in names]
        files[f"{split}.jsonl"] = (json.dumps(entry) + "\n\n").encode()
        files |= audio(*(f"{slurp.SPLITS[split]}/{name}" for name in names))
        if split != "train_synthetic":
            people[str(number)] = {"recordings": {name: {"usrid": "FO-488", "recid": 1} for name in names}}
    return files | {"metadata.json": json.dumps(people).encode()}


def fluent(base: str = "fluent_speech_commands_dataset/") -> Files:
    files: Files = {}
    for split, speaker in {
        "train": "2BqVo8kVB2Skwgyb",
        "valid": "4aGjX3AG5xcxeL7a",
        "test": "4BrX8aDqK2cLZRYl",
    }.items():
        path = f"wavs/speakers/{speaker}/0a3129c0-{split}.wav"
        header = ",path,speakerId,transcription,action,object,location"
        table = f'{header}\n0,{path},{speaker},"Lights on, now",activate,lights,none\n'
        files |= audio(f"{base}{path}") | {f"{base}data/{split}_data.csv": table.encode()}
    return files


def minimls() -> Files:
    languages = ("dutch", "french", "german", "italian", "polish", "portuguese", "spanish")
    files: Files = {}
    for number, language in enumerate(languages):
        names = [f"{number}_5_00000{n}" for n in range(2)]
        files |= audio(*(f"MiniMLS/mls_{language}/test/audio/{number}/5/{name}.flac" for name in names))
        texts = "".join(f"{name}\tdat is één {name}\n" for name in names)
        files[f"MiniMLS/mls_{language}/test/transcripts.txt"] = texts.encode()
    return files


def vctk() -> Files:
    names = [f"{s}/{s}_{n}_mic{m}.flac" for s in ("p225", "p315", "s5") for n in ("001", "024", "025") for m in (1, 2)]
    info = b"ID  AGE  GENDER  ACCENTS  REGION COMMENTS \np225  23  F    English    Southern  England\ns5  22  M  x\n"
    texts = {f"txt/{s}/{s}_001.txt": b"Please call Stella. \n" for s in ("p225", "s5")}
    return audio(*(f"wav48_silence_trimmed/{name}" for name in names)) | texts | {"speaker-info.txt": info}


def voicebank() -> Files:
    names = {"trainset_28spk": ("p226_001", "p287_002", "p228_001"), "testset": ("p232_001", "p257_433")}
    pairs = [f"{side}_{part}_wav/{name}.wav" for part in names for name in names[part] for side in ("clean", "noisy")]
    return audio(*pairs) | {"testset_txt/p232_001.txt": b"Please call\n Stella.\n"}


def libri2mix() -> Files:
    mixtures = {"train-100": "19-198-0000_26-495-0001", "dev": "84-121123-0000_251-136532-0000"}
    mixtures["test"] = "61-70968-0000_1089-134686-0000"
    places = [f"{part}/{kind}/{name}.wav" for part, name in mixtures.items() for kind in ("mix_clean", "s1", "s2")]
    return audio(*(f"Libri2Mix/wav16k/min/{place}" for place in places))


def librispeech() -> Files:
    texts = {
        "train-clean-100/19/198/19-198": b"19-198-0000 NORTHANGER ABBEY\n",
        "dev-clean/84/1/84-1": b"84-1-0000 GO\n",
    }
    texts["test-clean/61/70968/61-70968"] = b"61-70968-0000 HE BEGAN\n"
    files = {f"LibriSpeech/{place}.trans.txt": text for place, text in texts.items()}
    files |= audio(*(f"LibriSpeech/{place}-0000.flac" for place in texts))
    return files | {
        "LibriSpeech/SPEAKERS.TXT": b"; c\n19   | F | train-clean-100 | 25 | Kara\n61  | M | test-clean | 8 | P\n"
    }


FAKES: dict[str, Callable[[], Files]] = {
    "crema_d": crema,
    "emodb": emodb_files,
    "fluent_speech_commands": fluent,
    "iemocap": iemocap,
    "libri2mix": libri2mix,
    "librispeech": librispeech,
    "minimls": minimls,
    "slurp": slurp_files,
    "speech_commands": speech_commands,
    "vctk": vctk,
    "voicebank_demand": voicebank,
}
APART = set(FAKES) - {
    "slurp",
    "vctk",
    "minimls",
}  # their splits share no speaker; the others promise nothing or have one
LABELLED = {"crema_d", "emodb", "fluent_speech_commands", "iemocap", "slurp", "speech_commands"}


def test_every_layout_has_a_fake_and_every_data_set_a_layout():
    assert set(FAKES) == set(layouts.LAYOUTS)
    assert {source.layout for source in fetch.known().values()} - {""} == set(FAKES)


# --- what holds of all -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", FAKES)
def test_a_manifest_loads_and_every_file_is_what_it_says(tmp_path, layout):
    folder = put(tmp_path / "set", FAKES[layout]())
    fetch._write_manifest(fetch.Source("set", "A set", "CC0-1.0", "nobody", "set", layout=layout), folder)
    utterances = manifest.verify(manifest.load("set", tmp_path)).utterances
    columns = {"gender", "split", "label", "transcript", "language", "source", "source_path", "licence"}
    assert all(columns <= set(utterance.labels) for utterance in utterances)
    assert all(utterance.labels["split"] and utterance.labels["language"] for utterance in utterances)
    assert all(bool(utterance.labels["label"]) == (layout in LABELLED) for utterance in utterances)
    assert len(utterances) >= 3


@pytest.mark.parametrize("layout", sorted(APART))
def test_no_speaker_is_in_two_splits(tmp_path, layout):
    splits: dict[str, set[str]] = {}
    for row in rows(layout, put(tmp_path, FAKES[layout]())).values():
        for speaker in (row["speaker"], row.get("speaker_2", row["speaker"])):
            assert speaker
            splits.setdefault(speaker, set()).add(row["split"])
    assert {speaker for speaker, found in splits.items() if len(found) > 1} == set()
    assert len(set.union(*splits.values())) == (2 if layout == "emodb" else 3)


@pytest.mark.parametrize("layout", FAKES)
def test_no_audio_is_in_two_rows(tmp_path, layout):
    found = list(layouts.LAYOUTS[layout](put(tmp_path, FAKES[layout]())))
    assert len({row["sha256"] for row in found}) == len({row["id"] for row in found}) == len(found)


LACKING = [
    ("speech_commands", "validation_list.txt", r"validation_list\.txt is missing"),
    (
        "speech_commands",
        "bed/026290a7_nohash_0.wav",
        r"026290a7_nohash_0\.wav is missing, but validation_list\.txt lists",
    ),
    ("emodb", "wav", r"holds no wav/\*\.wav"),
    ("crema_d", "AudioWAV", r"holds no AudioWAV/\*\.wav"),
    ("iemocap", "IEMOCAP_full_release/Session5", "has no folder Session5; IEMOCAP has Session1 to Session5"),
    (
        "iemocap",
        "IEMOCAP_full_release/Session3/dialog/EmoEvaluation",
        r"Session3 holds no dialog/EmoEvaluation/\*\.txt",
    ),
    (
        "iemocap",
        "IEMOCAP_full_release/Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M000.wav",
        r"Ses02F_impro01_M000\.wav is missing; the data set is not complete",
    ),
    ("slurp", "devel.jsonl", r"devel\.jsonl is missing"),
    ("slurp", "metadata.json", r"metadata\.json is missing"),
    ("slurp", "slurp_synth/audio-1.flac", r"slurp_synth/audio-1\.flac is missing"),
    ("fluent_speech_commands", "fluent_speech_commands_dataset/data/valid_data.csv", r"valid_data\.csv is missing"),
    ("fluent_speech_commands", "fluent_speech_commands_dataset/wavs", r"0a3129c0-train\.wav is missing"),
    ("minimls", "MiniMLS/mls_polish", "has no folder mls_polish/test; MiniMLS has one for each of dutch, french"),
    ("minimls", "MiniMLS/mls_spanish/test/transcripts.txt", r"transcripts\.txt is missing"),
    ("vctk", "wav48_silence_trimmed", r"holds no wav48_silence_trimmed/\*/\*_mic1\.flac"),
    ("voicebank_demand", "noisy_testset_wav", r"holds no noisy_testset_wav/\*\.wav"),
    ("voicebank_demand", "clean_trainset_28spk_wav/p226_001.wav", r"p226_001\.wav is missing, the clean signal"),
    ("libri2mix", "Libri2Mix/wav16k/min/dev", r"holds no dev/mix_clean/\*\.wav"),
    ("libri2mix", "Libri2Mix/wav16k/min/test/s2", r"s2/61-70968-0000_1089-134686-0000\.wav is missing, a source"),
    ("librispeech", "LibriSpeech/dev-clean/84/1/84-1-0000.flac", r"84-1-0000\.flac is missing"),
]


@pytest.mark.parametrize(
    ("layout", "piece", "words"), LACKING, ids=[f"{name}-{Path(p).name}" for name, p, _ in LACKING]
)
def test_a_missing_piece_is_one_clear_line(tmp_path, layout, piece, words):
    kept = {name: content for name, content in FAKES[layout]().items() if not (name + "/").startswith(piece + "/")}
    assert len(kept) < len(FAKES[layout]())
    with pytest.raises(UserError, match=words) as caught:
        list(layouts.LAYOUTS[layout](put(tmp_path, kept)))
    assert "\n" not in str(caught.value)


WRONG = [
    ("speech_commands", {"bed/hello.wav": b"?"}, r"hello\.wav is not named as <speaker>_nohash_<take>\.wav"),
    ("emodb", {"wav/04a01Fa.wav": b"?"}, r"04a01Fa\.wav is not named as .* such as 03a01Fa\.wav"),
    ("emodb", {"wav/03a01Xa.wav": b"?"}, r"03a01Xa\.wav is not named as"),
    ("crema_d", {"AudioWAV/1092_DFA_ANG_XX.wav": b"?"}, r"1092_DFA_ANG_XX\.wav is not named as"),
    ("crema_d", {"AudioWAV/1001_DFA_JOY_XX.wav": b"?"}, r"1001_DFA_JOY_XX\.wav is not named as"),
    (
        "crema_d",
        {"AudioWAV/1001_DFA_ANG_XX.wav": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 7\n"},
        r"1001_DFA_ANG_XX\.wav is a pointer of git-lfs, not audio; run `git lfs pull`",
    ),
    ("slurp", {"test.jsonl": b"{not json\n"}, r"test\.jsonl, entry 1 is not JSON"),
    ("slurp", {"test.jsonl": b'{"recordings": [{"file": "audio-3.flac"}]}\n'}, "entry 1 .* lacks 'scenario'"),
    ("slurp", {"metadata.json": b"[]"}, r"metadata\.json is no object"),
    (
        "fluent_speech_commands",
        {"fluent_speech_commands_dataset/data/test_data.csv": b"path,speakerId,action,object\na,b,c,d\n"},
        r"test_data\.csv has no column 'transcription'",
    ),
    (
        "fluent_speech_commands",
        {
            "fluent_speech_commands_dataset/data/test_data.csv": b"path,speakerId,transcription,action,"
            b"object,location\n/elsewhere/a.wav,b,c,d,e,f\n"
        },
        r"/elsewhere/a\.wav is not in .*; paths of a data set are relative to it",
    ),
    (
        "minimls",
        {"MiniMLS/mls_dutch/test/transcripts.txt": b"9_9_9\tx\n"},
        r"transcripts\.txt has no line for 0_5_000000",
    ),
    ("vctk", {"wav48_silence_trimmed/x/x_1_mic1.flac": b"?"}, r"x_1_mic1\.flac is not named as"),
    ("libri2mix", {"Libri2Mix/wav16k/min/dev/mix_clean/mix.wav": b"?"}, r"mix\.wav is not named as"),
    (
        "librispeech",
        {"LibriSpeech/dev-clean/84/1/84-1.trans.txt": b"84-1-0000 \xff\n"},
        r"84-1\.trans\.txt is not text",
    ),
]


@pytest.mark.parametrize(("layout", "changes", "words"), WRONG, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(WRONG)])
def test_a_wrong_piece_is_one_clear_line(tmp_path, layout, changes, words):
    with pytest.raises(UserError, match=words) as caught:
        list(layouts.LAYOUTS[layout](put(tmp_path, FAKES[layout]() | changes)))
    assert "\n" not in str(caught.value)


# --- what each data set says -----------------------------------------------------------------------------


def test_librispeech_s_splits_are_its_parts(tmp_path):
    found = rows("librispeech", put(tmp_path, librispeech()))
    told = {name: (row["split"], row["speaker"], row["gender"], row["transcript"]) for name, row in found.items()}
    assert told == {
        "19-198-0000": ("train", "19", "female", "NORTHANGER ABBEY"),
        "84-1-0000": ("dev", "84", "", "GO"),
        "61-70968-0000": ("test", "61", "male", "HE BEGAN"),
    }


def test_speech_commands_splits_are_its_lists(tmp_path):
    found = rows("speech_commands", put(tmp_path, speech_commands()))
    assert {name: (row["split"], row["speaker"], row["label"]) for name, row in found.items()} == {
        "bed/0a7c2a8d_nohash_0": ("train", "0a7c2a8d", "bed"),
        "bed/0a7c2a8d_nohash_1": ("train", "0a7c2a8d", "bed"),
        "yes/0a7c2a8d_nohash_0": ("train", "0a7c2a8d", "yes"),
        "bed/026290a7_nohash_0": ("valid", "026290a7", "bed"),
        "yes/01b4757a_nohash_0": ("test", "01b4757a", "yes"),
    }


def test_emodb_s_names_say_everything(tmp_path):
    found = rows("emodb", put(tmp_path, emodb_files()))
    assert len(found) == 70
    first = found["emodb_03a01Fb"]
    assert (first["speaker"], first["gender"], first["label"]) == ("emodb03", "male", "happiness")
    assert first["transcript"] == "Der Lappen liegt auf dem Eisschrank."
    assert {row["speaker"] for row in found.values() if row["split"] == "test"} == {
        f"emodb{n}" for n in (12, 14, 15, 16)
    }
    assert len({row["label"] for row in found.values()}) == 7


EMODB_NAMES = {  # as a manifest says that others have made of the data set; all 535 were compared once
    "08b10Wa": ("emodb08", "anger", "Die wird auf dem Platz sein, wo wir sie immer hinlegen."),
    "12a02Ec": ("emodb12", "disgust", "Das will sie am Mittwoch abgeben."),
    "15a04Ab": ("emodb15", "fear", "Heute abend könnte ich es ihm sagen."),
    "16b09La": ("emodb16", "boredom", "Ich will das eben wegbringen und dann mit Karl was trinken gehen."),
}


def test_emodb_s_letters_are_german(tmp_path):
    found = rows("emodb", put(tmp_path, audio(*(f"wav/{name}.wav" for name in EMODB_NAMES))))
    told = {name[6:]: (row["speaker"], row["label"], row["transcript"]) for name, row in found.items()}
    assert told == EMODB_NAMES


def test_crema_d_is_split_by_actors(tmp_path):
    found = rows("crema_d", put(tmp_path, crema()))
    speakers: dict[str, set[str]] = {}
    for row in found.values():
        speakers.setdefault(row["split"], set()).add(row["speaker"])
    assert {split: len(who) for split, who in speakers.items()} == {"train": 63, "valid": 9, "test": 19}
    assert crema_d.WITHOUT_SPEECH not in found
    strong = found["1001_IEO_HAP_HI"]
    assert (strong["label"], strong["intensity"], strong["transcript"]) == ("happiness", "high", "It's eleven o'clock")
    assert strong["gender"] == "male"
    assert found["1040_ITH_SAD_X"]["label"] == "sadness"


def test_crema_d_s_split_is_that_of_tensorflow_datasets():
    import numpy as np

    actors = [str(actor) for actor in crema_d.ACTORS]
    np.random.RandomState(0).shuffle(actors)  # whose numbers are the split
    assert sorted(actors[63:72]) == list(crema_d.VALID)
    assert sorted(actors[72:]) == list(crema_d.TEST)


@pytest.mark.parametrize("base", ["", "IEMOCAP_full_release/"])
def test_iemocap_has_four_classes_and_the_speaker_who_speaks(tmp_path, base):
    found = rows("iemocap", put(tmp_path, iemocap(base)))
    assert len(found) == 20
    told = {name: (row["split"], row["speaker"], row["gender"], row["label"]) for name, row in found.items()}
    assert {name: row for name, row in told.items() if name[4] in "15"} == {
        "Ses01F_impro01_F000": ("train", "Ses01F", "female", "neutral"),
        "Ses01F_impro01_M000": ("train", "Ses01M", "male", "anger"),
        "Ses01F_impro01_F002": ("train", "Ses01F", "female", "happiness"),
        "Ses01F_impro01_M002": ("train", "Ses01M", "male", "sadness"),
        "Ses05F_impro01_F000": ("valid", "Ses05F", "female", "neutral"),
        "Ses05F_impro01_M000": ("test", "Ses05M", "male", "anger"),
        "Ses05F_impro01_F002": ("valid", "Ses05F", "female", "happiness"),
        "Ses05F_impro01_M002": ("test", "Ses05M", "male", "sadness"),
    }
    assert found["Ses03F_impro01_F000"]["transcript"] == "Excuse me."
    assert {row["split"] for name, row in found.items() if name[4] in "1234"} == {"train"}


def test_slurp_s_splits_are_its_files(tmp_path):
    found = rows("slurp", put(tmp_path, slurp_files()))
    told = {name: (row["split"], row["path"], row["label"], row["transcript"]) for name, row in found.items()}
    assert {name: row for name, row in told.items() if not name.endswith("headset")} == {
        "audio-0": ("train", "slurp_real/audio-0.flac", "alarm", "wake me up"),
        "audio-1": ("train_synthetic", "slurp_synth/audio-1.flac", "alarm", "stop the alarm"),
        "audio-2": ("devel", "slurp_real/audio-2.flac", "play", "play jazz"),
        "audio-3": ("test", "slurp_real/audio-3.flac", "audio", "olly quiet"),
    }
    assert {(row["speaker"], row["gender"]) for row in found.values() if row["split"] == "test"} == {
        ("FO-488", "female")
    }
    assert {row["speaker"] for row in found.values() if row["split"] == "train_synthetic"} == {""}
    assert found["audio-0-headset"]["microphone"] == "headset"


@pytest.mark.parametrize("base", ["", "fluent_speech_commands_dataset/"])
def test_fluent_speech_commands_labels_join_the_slots(tmp_path, base):
    found = rows("fluent_speech_commands", put(tmp_path, fluent(base)))
    first = found["0a3129c0-train"]
    assert (first["split"], first["speaker"], first["label"]) == ("train", "2BqVo8kVB2Skwgyb", "activate|lights|none")
    assert (first["action"], first["object"], first["location"]) == ("activate", "lights", "none")
    assert first["transcript"] == "Lights on, now"
    assert [row["split"] for row in found.values()] == ["train", "valid", "test"]


def test_minimls_knows_its_languages(tmp_path):
    found = rows("minimls", put(tmp_path, minimls()))
    assert {row["language"] for row in found.values()} == {"de", "es", "fr", "it", "nl", "pl", "pt"}
    assert found["nl_0_5_000001"]["transcript"] == "dat is één 0_5_000001"
    assert {row["split"] for row in found.values()} == {"test"}
    bare = {name.removeprefix("MiniMLS/"): content for name, content in minimls().items()}
    assert rows("minimls", put(tmp_path / "bare", bare)).keys() == found.keys()


def test_vctk_is_the_first_microphone_and_numbers_what_all_read(tmp_path):
    found = rows("vctk", put(tmp_path, vctk()))
    assert len(found) == 9
    assert {name: row["sentence"] for name, row in found.items() if name[:2] == "s5"} == {
        "s5_001": "001",
        "s5_024": "024",
        "s5_025": "",
    }
    first = found["p225_001"]
    assert (first["gender"], first["transcript"]) == ("female", "Please call Stella.")
    assert found["p315_001"]["transcript"] == ""


def test_voicebank_sets_two_of_its_training_speakers_aside(tmp_path):
    found = rows("voicebank_demand", put(tmp_path, voicebank()))
    assert {name: (row["split"], row["path"], row["clean"]) for name, row in found.items()} == {
        "p226_001": ("valid", "noisy_trainset_28spk_wav/p226_001.wav", "clean_trainset_28spk_wav/p226_001.wav"),
        "p287_002": ("valid", "noisy_trainset_28spk_wav/p287_002.wav", "clean_trainset_28spk_wav/p287_002.wav"),
        "p228_001": ("train", "noisy_trainset_28spk_wav/p228_001.wav", "clean_trainset_28spk_wav/p228_001.wav"),
        "p232_001": ("test", "noisy_testset_wav/p232_001.wav", "clean_testset_wav/p232_001.wav"),
        "p257_433": ("test", "noisy_testset_wav/p257_433.wav", "clean_testset_wav/p257_433.wav"),
    }
    assert found["p232_001"]["transcript"] == "Please call Stella."


def test_libri2mix_names_mixture_and_sources(tmp_path):
    found = rows("libri2mix", put(tmp_path, libri2mix()))
    test = found["61-70968-0000_1089-134686-0000"]
    assert (test["split"], test["speaker"], test["speaker_2"]) == ("test", "61", "1089")
    assert test["path"] == "Libri2Mix/wav16k/min/test/mix_clean/61-70968-0000_1089-134686-0000.wav"
    assert test["source_1"] == test["path"].replace("mix_clean", "s1")
    assert test["source_2"] == test["path"].replace("mix_clean", "s2")
    assert [row["split"] for row in found.values()] == ["train", "dev", "test"]


def test_emodb_s_test_speakers_are_half_men_half_women():
    assert sorted(speaker in emodb.WOMEN for speaker in emodb.TEST) == [False, False, True, True]


def test_shares_are_of_each_speaker_and_lose_nothing():
    table = [
        {"id": f"{speaker}{n:02d}", "speaker": speaker} for speaker in "ab" for n in range(20 if speaker == "a" else 7)
    ]
    found = list(layouts.shared(reversed(table), {"train": 0.8, "valid": 0.1, "test": 0.1}))
    splits = {row["id"]: row["split"] for row in found}
    assert [splits[f"a{n:02d}"] for n in range(20)] == ["train"] * 16 + ["valid"] * 2 + ["test"] * 2
    assert [splits[f"b{n:02d}"] for n in range(7)] == ["train"] * 5 + ["test"] * 2, "shares are rounded down"
