"""`benchmark.fetch` against a small server in this process: nothing here leaves the machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmark import fetch, manifest
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


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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


def test_every_shipped_source_is_complete():
    sources = fetch.known()
    assert "librispeech_test_clean" in sources
    for name, source in sources.items():
        assert source.name == name == source.provides
        assert len(source.sha256) == 64
        assert int(source.sha256, 16) >= 0
        assert source.archive in ("tar.gz", "none")
        assert source.layout in ("", *fetch.LAYOUTS)
        assert source.url.startswith("https://")
        assert source.licence
        assert source.citation
