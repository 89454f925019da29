"""`benchmark.fetch` against a small server in this process: nothing here leaves the machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmark import cli, fetch, manifest, unpack, weights
from benchmark.download import File
from benchmark.types import UserError


class Server(ThreadingHTTPServer):
    """Serves `content` for every path; `cut` ends the connection after so many bytes."""

    content = b""
    ranges = True
    cut: int | None = None
    requests: list[str | None]


class Handler(BaseHTTPRequestHandler):
    """Knows just enough of HTTP's Range for the test."""

    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start and start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.requests = []
    with serving(server):
        yield server


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


def source_of(server: Server, content: bytes, **changes: str) -> fetch.Source:
    server.content = content
    source = fetch.Source(
        name="small",
        title="A small set",
        url=f"http://127.0.0.1:{server.server_port}/small.tar.gz",
        sha256=hashlib.sha256(content).hexdigest(),
        archive="tar.gz",
        licence="CC0-1.0",
        citation="",
        provides="small",
    )
    return replace(source, **changes)


def quiet(done: int, total: int | None) -> None:
    """Report no progress."""


def partial_of(root: Path) -> Path:
    path = root / "downloads" / "small.tar.gz.partial"
    path.parent.mkdir(exist_ok=True)
    return path


CONTENT = tar_of({"set/a.txt": b"a" * 5000, "set/b.txt": bytes(range(256)) * 9})


def test_a_set_arrives_with_progress_and_a_second_fetch_asks_for_nothing(server, tmp_path):
    source = source_of(server, CONTENT)
    seen: list[tuple[int, int | None]] = []
    folder = fetch.bring(source, tmp_path, lambda done, total: seen.append((done, total)))
    assert folder == tmp_path / "small"
    assert (folder / "set" / "a.txt").read_bytes() == b"a" * 5000
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not list((tmp_path / "downloads").iterdir())
    fetch.bring(source, tmp_path, quiet)
    assert len(server.requests) == 1


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    source = source_of(server, CONTENT)
    server.cut = 100
    with pytest.raises(UserError, match=r"ended after 100 of \d+ bytes.*by other means to .*small\.tar\.gz"):
        fetch.bring(source, tmp_path, quiet)
    assert partial_of(tmp_path).read_bytes() == CONTENT[:100]
    server.cut = None
    fetch.bring(source, tmp_path, quiet)
    assert server.requests == [None, "bytes=100-"]
    assert (tmp_path / "small" / "set" / "b.txt").is_file()


def test_a_server_without_ranges_restarts_it(server, tmp_path):
    source = source_of(server, CONTENT)
    server.ranges = False
    partial_of(tmp_path).write_bytes(b"something else entirely")
    assert (fetch.bring(source, tmp_path, quiet) / "set" / "a.txt").is_file()


def test_a_complete_partial_is_used(server, tmp_path):
    source = source_of(server, CONTENT)
    partial_of(tmp_path).write_bytes(CONTENT)
    assert (fetch.bring(source, tmp_path, quiet) / "set" / "a.txt").is_file()


def test_a_wrong_checksum_is_refused_and_thrown_away(server, tmp_path):
    source = source_of(server, CONTENT, sha256="0" * 64)
    with pytest.raises(UserError, match="came with SHA-256"):
        fetch.bring(source, tmp_path, quiet)
    assert not list((tmp_path / "downloads").iterdir())
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"../evil.txt": b"x"}, {}),
        ({"/tmp/evil.txt": b"x"}, {}),
        ({"good/../../evil.txt": b"x"}, {}),
        ({}, {"link": "/etc/passwd"}),
        ({"ok.txt": b"x"}, {"up": ".."}),
    ],
)
def test_an_archive_that_would_write_elsewhere_is_refused(server, tmp_path, files, links):
    root = tmp_path / "root"
    root.mkdir()
    source = source_of(server, tar_of(files, links))
    with pytest.raises(UserError, match="not safe to unpack"):
        fetch.bring(source, root, quiet)
    assert not (root / "small").exists()
    assert [p.name for p in tmp_path.rglob("evil*")] == []


def test_an_unknown_name_gets_the_nearest_one(tmp_path):
    with pytest.raises(UserError, match="Did you mean 'librispeech_test_clean'"):
        fetch.fetch("librispeech_tset_clean", tmp_path)


def test_no_network_is_one_line_that_says_where_to_put_the_file(server, tmp_path):
    source = replace(source_of(server, CONTENT), url="http://127.0.0.1:9/small.tar.gz")
    with pytest.raises(UserError, match="cannot be fetched") as caught:
        fetch.bring(source, tmp_path, quiet)
    assert str(tmp_path / "downloads" / "small.tar.gz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_brought_by_hand_is_used_and_kept(server, tmp_path):
    source = source_of(server, CONTENT, url="http://127.0.0.1:9/small.tar.gz")
    archive = tmp_path / "downloads" / "small.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(CONTENT)
    assert (fetch.bring(source, tmp_path, quiet) / "set" / "a.txt").is_file()
    assert archive.is_file()
    assert not server.requests


def test_a_wrong_file_brought_by_hand_is_refused(server, tmp_path):
    source = source_of(server, CONTENT)
    archive = tmp_path / "downloads" / "small.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(b"an error page")
    with pytest.raises(UserError, match="delete it"):
        fetch.bring(source, tmp_path, quiet)


def test_a_folder_of_the_users_own_is_left_alone(server, tmp_path):
    (tmp_path / "small").mkdir()
    with pytest.raises(UserError, match="did not make it"):
        fetch.bring(source_of(server, CONTENT), tmp_path, quiet)


def test_a_new_version_of_a_set_replaces_the_old_one(server, tmp_path):
    fetch.bring(source_of(server, CONTENT), tmp_path, quiet)
    folder = fetch.bring(source_of(server, tar_of({"new.txt": b"n"})), tmp_path, quiet)
    assert sorted(p.name for p in folder.iterdir()) == [".fetched", "new.txt"]


def test_a_single_file_needs_no_archive(server, tmp_path):
    source = source_of(server, b"weights", archive="none")
    assert (fetch.bring(source, tmp_path, quiet) / "small.tar.gz").read_bytes() == b"weights"


def test_librispeech_gets_a_manifest_that_loads(server, tmp_path):
    chapter = "LibriSpeech/test-clean/61/70968"
    files = {
        "LibriSpeech/SPEAKERS.TXT": b"; comment\n61   | M | test-clean | 8.07 | Paul-Gabriel Wiener\n",
        f"{chapter}/61-70968.trans.txt": b"61-70968-0000 HE BEGAN A CONFUSED COMPLAINT\n",
        f"{chapter}/61-70968-0000.flac": b"audio",
    }
    source = source_of(server, tar_of(files), layout="librispeech")
    folder = fetch.bring(source, tmp_path, quiet)
    dataset = manifest.load(str(folder / "manifest.csv"), tmp_path)
    (utterance,) = manifest.verify(dataset).utterances
    assert (utterance.id, utterance.speaker) == ("61-70968-0000", "61")
    assert utterance.labels["transcript"] == "HE BEGAN A CONFUSED COMPLAINT"
    assert utterance.labels["gender"] == "male"
    assert utterance.labels["split"] == "test"


def test_an_archive_without_the_layout_is_said(server, tmp_path):
    source = source_of(server, CONTENT, layout="librispeech")
    with pytest.raises(UserError, match="nothing in the layout"):
        fetch.bring(source, tmp_path, quiet)


# --- several files, from a model hub ---------------------------------------------------------------------

CONFIG, MODEL = b'{"a": 1}', bytes(range(256)) * 40
COMMIT = "484c3f8067a8ca5154343c1c03c4cffa7c4bb6c9"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Hub(ThreadingHTTPServer):
    """A model hub: what it promises of a large file, it says where it sends on to the bytes.

    Attributes:
        files: contents by name; None answers with `refusal`.
        promises: ``X-Linked-Etag`` by name.
        commits: ``X-Repo-Commit`` by name.
        cut: the connection of the model ends after so many bytes.
        asked: each request's path, and the range it asked for.
    """

    cut: int | None = None
    refusal = 404

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files: dict[str, bytes | None] = {"config.json": CONFIG, "model.safetensors": MODEL}
        self.promises = {"model.safetensors": f'"{sha256(MODEL)}"'}
        self.commits = dict.fromkeys(self.files, COMMIT)
        self.asked: list[tuple[str, str | None]] = []


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append((self.path, asked))
        name = self.path.rpartition("/")[2]
        content = self.server.files[name]
        if content is None:
            self.send_error(self.server.refusal)
        elif "/resolve/" in self.path:
            self.send_on(name)
        else:
            self.send_bytes(name, content, int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0)

    def send_on(self, name: str) -> None:
        large = name in self.server.promises
        self.send_response(302 if large else 307)
        self.send_header(
            "Location", f"http://localhost:{self.server.server_port}/cdn/{name}" if large else f"/api/{name}"
        )
        if large:
            self.send_header("X-Linked-Etag", self.server.promises[name])
            self.send_header("X-Repo-Commit", self.server.commits[name])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_bytes(self, name: str, content: bytes, start: int) -> None:
        body = content[start:]
        self.send_response(416 if start and not body else 206 if start else 200)
        self.send_header("ETag", f'"{"5" * 64}"')  # looks like a SHA-256, and is another number
        if self.path.startswith("/api/"):
            self.send_header("X-Repo-Commit", self.server.commits[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut] if name == "model.safetensors" else body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    with serving(hub):
        yield hub


def checkpoint(hub: Hub, name: str = "focalcodec_stream_65k", **digests: str) -> fetch.Source:
    """A shipped source whose files are on the hub of the test."""
    source = fetch.known()[name]
    base = f"http://127.0.0.1:{hub.server_port}/{source.repository}/resolve/main"
    files = (
        File(f"{base}/config.json", digests.get("config"), unchecked=True),
        File(f"{base}/model.safetensors", digests.get("model")),
    )
    return replace(source, files=files)


def parts(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "downloads" / "focalcodec_stream_65k").iterdir())


def test_a_checkpoint_arrives_checked_by_the_publishers_checksum(hub, tmp_path, monkeypatch, capsys):
    source = checkpoint(hub)
    monkeypatch.setattr(fetch, "known", lambda: {source.name: source})
    monkeypatch.setenv("FOCALBENCH_DATA", str(tmp_path))
    assert cli.main(["fetch", source.name]) == 0
    folder = weights.folder(source.name)
    assert folder == tmp_path / "focalcodec_stream_65k"
    assert (folder / "config.json").read_bytes() == CONFIG
    assert (folder / "model.safetensors").read_bytes() == MODEL
    lines = [
        f"focalcodec_stream_65k: {folder}",
        f"  config.json: 8 bytes, SHA-256 {sha256(CONFIG)}, revision {COMMIT}"
        " (no checksum, neither of our own nor the publisher's, was checked; recorded)",
        f"  model.safetensors: 10240 bytes, SHA-256 {sha256(MODEL)}, revision {COMMIT}"
        " (no checksum of our own: the publisher's was checked; recorded)",
    ]
    said = capsys.readouterr()
    assert said.out.splitlines() == lines
    assert "focalcodec_stream_65k: 0 of 0 MB" in said.err, "progress"
    assert not list((tmp_path / "downloads").iterdir())
    asked = len(hub.asked)
    assert cli.main(["fetch", source.name]) == 0
    assert len(hub.asked) == asked, "a second fetch asks for nothing"
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("promise", ['"{}"', "{}", 'W/"{}"'])
def test_a_promise_is_read_however_it_is_quoted(hub, tmp_path, promise):
    hub.promises["model.safetensors"] = promise.format(sha256(MODEL).upper())
    folder = fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert fetch.received(folder)["model.safetensors"].checked == "publisher"


def test_what_differs_from_the_promise_is_thrown_away(hub, tmp_path):
    hub.promises["model.safetensors"] = f'"{"1" * 64}"'
    words = f"came with SHA-256 {sha256(MODEL)}, not {'1' * 64}, as its publisher says; it was thrown away"
    with pytest.raises(UserError, match=words):
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert parts(tmp_path) == ["config.json.partial"]
    assert not (tmp_path / "focalcodec_stream_65k").exists()


@pytest.mark.parametrize("promise", [None, '"5d41402abc4b2a76b9719d911017c592"'], ids=["none", "no SHA-256"])
def test_weights_that_nobody_vouches_for_are_refused_unread(hub, tmp_path, promise):
    """An error page with status 200, for example."""
    del hub.promises["model.safetensors"]
    if promise:
        hub.promises["model.safetensors"] = promise
    words = "is refused: neither this project nor its publisher names its SHA-256. You can put config.json and model"
    with pytest.raises(UserError, match=words) as caught:
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert "\n" not in str(caught.value)
    assert parts(tmp_path) == ["config.json.partial"]
    assert not (tmp_path / "focalcodec_stream_65k").exists()


def test_our_own_checksum_counts_more_than_the_promise(hub, tmp_path):
    hub.promises["model.safetensors"] = f'"{"1" * 64}"'
    folder = fetch.bring(checkpoint(hub, model=sha256(MODEL), config=sha256(CONFIG)), tmp_path / "ours", quiet)
    assert {one.checked for one in fetch.received(folder).values()} == {"ours"}
    assert all("(our checksum was checked; recorded)" in line for line in fetch.record(folder))
    hub.promises["model.safetensors"] = f'"{sha256(MODEL)}"'
    with pytest.raises(UserError, match=f"not {'2' * 64}; it was thrown away"):
        fetch.bring(checkpoint(hub, model="2" * 64), tmp_path, quiet)


def test_a_broken_checkpoint_goes_on_where_it_stopped(hub, tmp_path):
    """The large file, that is: of a small one without a checksum nothing tells whether two parts fit together."""
    hub.cut = 1000
    with pytest.raises(UserError, match=r"ended after 1000 of 10240 bytes. Try again .*, or put config.json and model"):
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert parts(tmp_path) == ["config.json.partial", "model.safetensors.partial"]
    assert not (tmp_path / "focalcodec_stream_65k").exists(), "it is never half there"
    hub.cut, hub.asked = None, []
    hub.files["config.json"] = b'{"a": 2}'  # as long as before
    folder = fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert (folder / "config.json").read_bytes() == b'{"a": 2}'
    assert (folder / "model.safetensors").read_bytes() == MODEL
    assert ("/cdn/model.safetensors", "bytes=1000-") in hub.asked
    assert ("/cdn/model.safetensors", None) not in hub.asked


def test_a_complete_download_is_only_checked(hub, tmp_path):
    """The server answers 416, where it sends on to with what it promises."""
    partial = tmp_path / "downloads" / "focalcodec_stream_65k" / "model.safetensors.partial"
    partial.parent.mkdir(parents=True)
    for content, right in ((b"x" * len(MODEL), False), (MODEL, True)):
        partial.write_bytes(content)
        if right:
            folder = fetch.bring(checkpoint(hub), tmp_path, quiet)
            assert (folder / "model.safetensors").read_bytes() == MODEL
        else:
            with pytest.raises(UserError, match="as its publisher says"):
                fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert hub.asked.count(("/cdn/model.safetensors", "bytes=10240-")) == 2
    assert ("/cdn/model.safetensors", None) not in hub.asked


def test_a_file_that_is_not_there_is_one_line_without_a_call_to_try_again(hub, tmp_path):
    hub.files["model.safetensors"] = None
    with pytest.raises(UserError, match=r"/model\.safetensors cannot be fetched: the server answers 404 Not") as caught:
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    text = str(caught.value)
    assert "\n" not in text
    assert "Try again" not in text
    assert f"You can put config.json and model.safetensors into {tmp_path / 'focalcodec_stream_65k'} by other" in text
    assert not (tmp_path / "focalcodec_stream_65k").exists()


def test_a_server_in_trouble_is_worth_another_try(hub, tmp_path):
    hub.files["model.safetensors"], hub.refusal = None, 503
    with pytest.raises(UserError, match=r"cannot be fetched: Service Unavailable\. Try again"):
        fetch.bring(checkpoint(hub), tmp_path, quiet)


def test_files_of_two_revisions_are_not_put_together(hub, tmp_path):
    hub.commits["model.safetensors"] = "0" * 40
    with pytest.raises(UserError, match=f"was changed while it was fetched \\({'0' * 40}, {COMMIT}\\); fetch it again"):
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert not (tmp_path / "focalcodec_stream_65k").exists()
    hub.commits["config.json"] = "0" * 40
    assert fetch.received(fetch.bring(checkpoint(hub), tmp_path, quiet))["config.json"].revision == "0" * 40


@pytest.mark.parametrize("silent", [["config.json"], ["config.json", "model.safetensors"]], ids=len)
def test_a_server_that_tells_no_revision_is_fine(hub, tmp_path, silent):
    hub.commits |= dict.fromkeys(silent, "")
    lines = list(fetch.record(fetch.bring(checkpoint(hub), tmp_path, quiet)))
    assert [", revision" in line for line in lines] == [False, len(silent) == 1]


@pytest.mark.parametrize("harm", ["file", "marker", "address", "checksum"])
def test_what_is_no_longer_what_the_source_says_is_fetched_again(hub, tmp_path, harm):
    source = checkpoint(hub)
    folder = fetch.bring(source, tmp_path, quiet)
    if harm == "file":
        (folder / "config.json").unlink()
    elif harm == "marker":
        (folder / ".fetched").write_text('{"config.json": 5}')
    elif harm == "address":
        source = replace(source, files=tuple(replace(f, url=f.url.replace("main", "v2")) for f in source.files))
    else:
        source = checkpoint(hub, config=sha256(b'{"a": 3}'))
        hub.files["config.json"] = b'{"a": 3}'
    asked = len(hub.asked)
    fetch.bring(source, tmp_path, quiet)
    assert len(hub.asked) > asked
    assert sorted(p.name for p in folder.iterdir()) == [".fetched", "config.json", "model.safetensors"]
    assert fetch._has_files(source, folder)


def test_a_new_version_that_fails_leaves_the_old_one(hub, tmp_path):
    folder = fetch.bring(checkpoint(hub), tmp_path, quiet)
    with pytest.raises(UserError, match="came with SHA-256"):
        fetch.bring(checkpoint(hub, model="3" * 64), tmp_path, quiet)
    assert (folder / "model.safetensors").read_bytes() == MODEL


def test_weights_of_the_users_own_are_left_alone(hub, tmp_path):
    (tmp_path / "focalcodec_stream_65k").mkdir()
    with pytest.raises(UserError, match="did not make it; move it away first"):
        fetch.bring(checkpoint(hub), tmp_path, quiet)
    assert not hub.asked


def test_the_record_of_an_archive_is_empty(server, tmp_path):
    assert not list(fetch.record(fetch.bring(source_of(server, CONTENT), tmp_path, quiet)))


# --- the shipped sources ---------------------------------------------------------------------------------


def is_digest(text: str | None) -> bool:
    return text is not None and len(text) == 64 and int(text, 16) >= 0


PUBLISHERS = (
    "https://huggingface.co/",
    "https://github.com/",
    "https://raw.githubusercontent.com/",
    "https://openaipublic.azureedge.net/main/whisper/",
    "https://zenodo.org/record/",
    "https://datashare.ed.ac.uk/bitstream/handle/",
    "http://emodb.bilderbar.info/download/",  # the only one without TLS, as far as we know
)


def test_every_shipped_source_is_complete():
    sources = fetch.known()
    assert "librispeech_test_clean" in sources
    for name, source in sources.items():
        assert source.name == name == source.provides
        assert source.archive in ("none", *unpack.KINDS)
        assert source.layout in ("", *fetch.LAYOUTS)
        assert source.title.strip() == source.title != ""
        assert source.licence.strip()
        assert source.citation.strip()
        ways = [source.url, source.files, source.steps, source.parts]
        assert [bool(way) for way in ways].count(True) == 1, "an archive, files, steps or parts"
        if source.url:
            assert is_digest(source.sha256)
            assert source.url.startswith("https://")
        for file in source.files:
            assert file.sha256 is None or is_digest(file.sha256)
            assert file.url.startswith(PUBLISHERS)
            assert not source.repository or source.repository in file.url
            assert file.sha256 or file.unchecked or "/resolve/" in file.url, "model hubs alone name a SHA-256"


def test_what_is_told_of_files_is_told_of_files_that_there_are():
    for source in fetch.known().values():
        names = [file.name for file in source.files]
        assert len(set(names)) == len(names), "they would lie on one another"
        assert set(source.md5) <= set(names)
        assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in source.md5.values())
        assert not source.files or source.archive == "none" or any(name.endswith(source.archive) for name in names)
        assert bool(source.layout) >= bool(source.steps), "steps end in a manifest"


def test_joined_sources_have_manifests_to_join_and_shares_that_add_up():
    sources = fetch.known()
    for source in sources.values():
        assert all(sources[part].layout and not sources[part].parts for part in source.parts)
        assert not source.shares or sum(source.shares.values()) == pytest.approx(1)


def test_the_data_sets_of_every_task_are_there():
    sources = fetch.known()
    wanted = {
        "asr": ["librispeech_100h", "librispeech_460h"],
        "speaker identification": ["librispeech_460h_speakers"],
        "keywords": ["speech_commands"],
        "emotion": ["emodb", "crema_d", "iemocap"],
        "intent": ["slurp", "fluent_speech_commands"],
        "resynthesis": ["minimls", "librispeech_test_clean"],
        "conversion": ["vctk"],
        "enhancement": ["voicebank_demand"],
        "separation": ["libri2mix"],
    }
    assert [name for names in wanted.values() for name in names if name not in sources] == []
    by_hand = {name for name, source in sources.items() if source.steps}
    assert by_hand == {"crema_d", "iemocap", "fluent_speech_commands", "minimls", "libri2mix"}


def test_the_shipped_checkpoints():
    sources = fetch.known()
    repositories = {
        "focalcodec_stream_2k": "focalcodec_50hz_2k_causal",
        "focalcodec_stream_4k": "focalcodec_50hz_4k_causal",
        "focalcodec_stream_65k": "focalcodec_50hz_65k_causal",
        "focalcodec_50hz": "focalcodec_50hz",
        "focalcodec_25hz": "focalcodec_25hz",
        "focalcodec_12_5hz": "focalcodec_12_5hz",
    }
    for name, repository in repositories.items():
        source = sources[name]
        assert source.repository == f"lucadellalib/{repository}"
        assert [file.name for file in source.files] == list(weights.CHECKPOINT)
        assert [file.unchecked for file in source.files] == [True, False], "weights are never taken unchecked"
        assert "CC BY-SA 3.0" in source.licence
        assert ("2509.16195" if "stream" in name else "2502.04465") in source.citation
        assert source.title.startswith("Checkpoint ")
