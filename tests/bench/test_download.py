"""Downloads from a loopback server that can break off, ignore Range, or not be there at all."""

import hashlib
import io
import random
import socket
import sys
import tarfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bench.datasets import cub200
from bench.datasets._download import fetch, unpack
from methods.errors import UserError

BODY = random.Random(0).randbytes(1_000_003)
SUM = hashlib.md5(BODY).hexdigest()


class Server:
    """What the server sends: `body`, broken off after `breaks_at` bytes; `requests` are its Range headers."""

    def __init__(self, body=BODY, ranges=True):
        self.body, self.ranges, self.breaks_at, self.status = body, ranges, None, None
        self.requests, self.sent = [], []


@contextmanager
def serving(server):
    """Serve on a free loopback port and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            server.requests.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
            if server.status or (start and start >= len(server.body)):
                self.send_error(server.status or 416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(server.body) - start))
            self.end_headers()
            body = server.body[start : server.breaks_at]
            server.sent.append(len(body))
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}/archive.tgz"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "archive.tgz"


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


def break_off(server, url, target):
    """Let a first download fail half-way; return how many bytes it kept."""
    server.breaks_at = 500_000
    with pytest.raises(UserError, match="run again to resume, or download it by hand to '.*archive.tgz'"):
        fetch(url, target, SUM)
    server.breaks_at = None
    assert left(target) == ["archive.tgz.part"]
    return target.with_name("archive.tgz.part").stat().st_size


def test_complete_download_shows_progress_and_is_not_repeated(target, capsys):
    server = Server()
    with serving(server) as url:
        fetch(url, target, SUM)
        fetch(url, target, SUM)
    assert target.read_bytes() == BODY and left(target) == ["archive.tgz"]
    assert server.requests == [None]
    assert "archive.tgz: 100%" in capsys.readouterr().err


def test_interrupted_download_asks_for_the_rest_alone(target):
    server = Server()
    with serving(server) as url:
        kept = break_off(server, url, target)
        fetch(url, target, SUM)
    assert 400_000 < kept <= 500_000
    assert server.requests == [None, f"bytes={kept}-"]
    assert server.sent[1] == len(BODY) - kept
    assert target.read_bytes() == BODY and left(target) == ["archive.tgz"]


def test_server_without_range_is_asked_for_the_whole(target):
    server = Server(ranges=False)
    with serving(server) as url:
        break_off(server, url, target)
        fetch(url, target, SUM)
    assert server.sent[1] == len(BODY)
    assert target.read_bytes() == BODY and left(target) == ["archive.tgz"]


def test_part_that_is_already_whole_is_taken(target):
    target.parent.mkdir()
    target.with_name("archive.tgz.part").write_bytes(BODY)
    with serving(Server()) as url:
        fetch(url, target, SUM)
    assert target.read_bytes() == BODY and left(target) == ["archive.tgz"]


@pytest.mark.parametrize("begun", [b"", b"stale", BODY + b"too long"])
def test_wrong_checksum_is_named_and_leaves_nothing(target, begun):
    target.parent.mkdir()
    if begun:
        target.with_name("archive.tgz.part").write_bytes(begun)
    wrong = BODY[::-1]
    whole = begun + wrong[len(begun) :]
    with serving(Server(wrong)) as url, pytest.raises(UserError) as error:
        fetch(url, target, SUM)
    assert SUM in str(error.value) and hashlib.md5(whole).hexdigest() in str(error.value)
    assert "discarded" in str(error.value) and left(target) == []


def test_file_put_there_by_hand_is_checked_and_never_deleted(target):
    target.parent.mkdir()
    target.write_bytes(b"something else")
    with pytest.raises(UserError, match=f"archive.tgz' has MD5 .*expected {SUM}: delete it"):
        fetch("http://127.0.0.1:1/", target, SUM)
    assert target.read_bytes() == b"something else"
    target.write_bytes(BODY)
    fetch("http://127.0.0.1:1/", target, SUM)


def test_no_server_at_all(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match="cannot download .*run again to resume.*by hand") as error:
        fetch(f"http://127.0.0.1:{port}/archive.tgz", target, SUM)
    assert left(target) == [] and "\n" not in str(error.value)


def test_server_error_keeps_what_there_was(target):
    server = Server()
    with serving(server) as url:
        kept = break_off(server, url, target)
        server.status = 503
        with pytest.raises(UserError, match="503"):
            fetch(url, target, SUM)
        server.status = None
        fetch(url, target, SUM)
    assert server.sent[1] == len(BODY) - kept


def test_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        fetch("http://127.0.0.1:1/", tmp_path / "file" / "archive.tgz", SUM)


def test_missing_package_is_named(target, monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(UserError, match="needs the package 'requests': install it, or download it by hand"):
        fetch("http://127.0.0.1:1/", target, SUM)


def archive(members):
    """Return a .tgz of name -> content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as bundle:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


GOOD = archive({"CUB_200_2011/images.txt": b"1 a.jpg\n", "attributes.txt": b""})


@pytest.mark.parametrize("filtering", [True, False], ids=["", "before 3.11.4"])
def test_data_set_is_fetched_and_unpacked(tmp_path, monkeypatch, filtering):
    if not filtering:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    folder = tmp_path / "CUB_200_2011"
    with serving(Server(GOOD)) as url:
        cub200.download(folder, url, hashlib.md5(GOOD).hexdigest())
    assert (folder / "images.txt").read_text() == "1 a.jpg\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CUB_200_2011", "CUB_200_2011.tgz"]


@pytest.mark.parametrize(
    "content",
    [
        b"not an archive",
        GOOD[: len(GOOD) // 2],
        archive({"other/images.txt": b""}),
        archive({"CUB_200_2011/images.txt": b"", "../escaped": b""}),
    ],
    ids=["garbage", "truncated", "other content", "hostile"],
)
@pytest.mark.parametrize("filtering", [True, False], ids=["", "before 3.11.4"])
def test_bad_archive_leaves_no_folder(tmp_path, monkeypatch, content, filtering):
    if not filtering:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    path = tmp_path / "place" / "CUB_200_2011.tgz"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot unpack"):
        unpack(path, "CUB_200_2011", path.parent / "CUB_200_2011")
    assert left(path) == ["CUB_200_2011.tgz"] and len(list(tmp_path.iterdir())) == 1


def test_official_archive_is_the_published_one():
    assert cub200.MD5 == "97eceeb196236b17998738112f37df78"
    assert cub200.URL.startswith("https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz")
