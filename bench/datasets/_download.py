"""Downloads that resume, are checked, and appear all at once.

Written on `requests` rather than `pooch`: pooch throws away what an interrupted download left.
"""

import hashlib
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import Any

from methods.errors import UserError

_CHUNK = 1 << 16  # bytes; what an interruption may lose
_TIMEOUT = (30, 60)  # seconds to connect, and between two packets


def fetch(url: str, path: Path, md5: str) -> None:
    """Download `url` to `path`; a file that is already there is only checked.

    An interrupted download stays in `<path>.part`, and the next call asks for the rest of it.

    Raises:
        UserError: no network, no space, a missing package, or a wrong checksum. What was downloaded
            with a wrong checksum is discarded; a file that the user put at `path` is left alone.
    """
    if path.exists():
        found = md5_of(path)
        if found != md5:
            raise UserError(f"'{path}' has MD5 {found}, expected {md5}: delete it and run again")
        return
    part = path.with_name(f"{path.name}.part")
    _continue(url, part, by_hand=f"download it by hand to '{path}'")
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise UserError(f"{url} arrived with MD5 {found}, expected {md5}: it was discarded, run again")
    part.replace(path)


def unpack(archive: Path, member: str, target: Path) -> None:
    """Unpack the folder `member` of a tar archive as `target`, which appears complete or not at all.

    Raises:
        UserError: the archive is damaged or lacks `member`, or `target` cannot be written.
    """
    try:
        with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            with tarfile.open(archive) as bundle:
                _extract(bundle, temporary)
            (Path(temporary) / member).rename(target)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = _reason(error)
        raise UserError(f"cannot unpack '{archive}' to '{target}' ({reason}): mend that, run again") from None


def _extract(bundle: tarfile.TarFile, folder: str) -> None:
    """Unpack what stays within the folder; Python has a filter for that from 3.11.4 on, before links are refused."""
    if hasattr(tarfile, "data_filter"):
        bundle.extractall(folder, filter="data")
        return
    for member in bundle.getmembers():
        inside = not Path(member.name).is_absolute() and ".." not in Path(member.name).parts
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"'{member.name}' does not stay within the folder")
    bundle.extractall(folder)


def md5_of(path: Path) -> str:
    """Return the MD5 sum of a file, in hexadecimal.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({_reason(error)}): delete it and run again") from None


def _continue(url: str, part: Path, by_hand: str) -> None:
    """Append to `part` what is missing of `url`, or say what to do."""
    try:
        import requests
        import tqdm  # noqa: F401  (needed below; asked for before the first byte)
    except ModuleNotFoundError as error:
        raise UserError(f"a download needs the package '{error.name}': install it, or {by_hand}") from None
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        done = part.stat().st_size if part.exists() else 0
        span = {"Range": f"bytes={done}-"} if done else {}
        headers = {"Accept-Encoding": "identity", **span}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416:  # nothing follows: `part` is whole, or its checksum will be wrong
                return
            answer.raise_for_status()
            _append(answer, part, done if answer.status_code == 206 else 0)
    except requests.RequestException as error:
        raise UserError(f"cannot download {url} ({_reason(error)}): run again to resume, or {by_hand}") from None
    except OSError as error:
        raise UserError(f"cannot write '{part}' ({_reason(error)}): mend that and run again to resume") from None


def _append(answer: Any, part: Path, done: int) -> None:
    """Write the body of a `requests` answer after the first `done` bytes of `part`, showing progress."""
    from tqdm import tqdm

    length = answer.headers.get("Content-Length", "")
    total = done + int(length) if length.isdigit() else None
    name = part.name.removesuffix(".part")
    bar = tqdm(desc=name, total=total, initial=done, unit="B", unit_scale=True, mininterval=1)
    with bar, part.open("ab" if done else "wb") as file:
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))


def _reason(error: Exception) -> str:
    return shorten(f"{type(error).__name__}: {error}", 200)
