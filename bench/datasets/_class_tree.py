"""A tree of class folders: the images that it holds, and what of it is left out."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from methods.errors import UserError

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".avif"),
    *(".tif", ".tiff", ".gif", ".ppm", ".pgm"),
)
SPLITS = ("train", "val", "test")
SPLIT_NAMES = "train, val and test (train and one of the others suffice)"
ALIASES = (*SPLITS, "training", "valid", "validation", "testing")  # of no class: two of them are other people's splits


@dataclass(frozen=True)
class ClassTree:
    """What is in a tree <folder>/<class>/... or <folder>/<split>/<class>/...

    homes: split -> its folder, or the empty name -> the whole folder if splits are not laid down.
    images: (split or empty, class name, path relative to the folder) of every image.
    others: suffix, or `no suffix` -> how many files in class folders are no images.
    beside: how many images lie beside the class folders, in none of them.
    """

    homes: dict[str, Path]
    images: list[tuple[str, str, str]]
    others: Counter[str]
    beside: int

    @property
    def left_out(self) -> str:
        """The files that are left out, counted by reason; empty if there are none."""
        suffixes = ", ".join(suffix for suffix, _ in self.others.most_common(5))
        told = [f"{self.others.total()} of other types ({suffixes})"] if self.others else []
        return ", ".join([*told, f"{self.beside} beside the class folders"] if self.beside else told)


def read_tree(folder: Path) -> ClassTree:
    """List the images of a tree, linked folders followed and hidden files ignored; no image is opened.

    Raises:
        UserError: there is no class, a class without images, a folder that is there twice by a link or cannot be
            listed, or a split by its name that is not laid down as one.
    """
    homes = _split_folders(folder)
    real = folder.resolve()
    seen = {place: place for place in real.parents} | {real: folder}
    images, others = [], Counter[str]()
    for split, home in homes.items():
        for class_folder in _classes(home):
            files = list(_files(class_folder, seen))
            found = [path for path in files if _is_image(path)]
            others.update(_suffix(path) for path in files if not _is_image(path))
            if not found:
                known = " ".join(SUFFIXES)
                raise UserError(f"class folder '{class_folder}' has no image ({known}): add some or remove it")
            name = composed(class_folder.name)
            images += [(split, name, path.relative_to(folder).as_posix()) for path in found]
    beside = sum(_is_image(path) for home in {folder, *homes.values()} for path in _entries(home)[1])
    return ClassTree(homes, images, others, beside)


def composed(name: str) -> str:
    """Return a name in Unicode's form NFC.

    Raises:
        UserError: the name's bytes on disk are not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"the file name {name!a} is not valid UTF-8: rename the file") from None
    return unicodedata.normalize("NFC", name)


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return split -> its folder, or the empty name -> `folder` if the split is not laid down."""
    if not folder.is_dir():
        raise UserError(f"'{folder}' does not exist or is no folder: correct `folder` or BENCH_DATA")
    found = {path.name: path for path in _entries(folder)[0]}
    splits = {name: found[name] for name in SPLITS if name in found}
    laid_down = "train" in splits and len(splits) > 1
    meant = [name for name in found if name.casefold() in ALIASES]
    if len(meant) > 1 and not (laid_down and len(meant) == len(splits)):
        raise UserError(f"'{folder}' has {' and '.join(meant)}, splits by their names: call them {SPLIT_NAMES}")
    if not laid_down:
        _check_single_split(folder, found, meant)
        return {"": folder}
    other = sorted(set(found) - set(splits))
    if other:
        beside = f"'{folder}' has '{other[0]}' beside the splits {', '.join(splits)}"
        call_it = "".join(f"call it {name} if it is that split, or " for name in SPLITS if name not in splits)
        raise UserError(f"{beside}: {call_it}move it elsewhere")
    return splits


def _check_single_split(folder: Path, found: dict[str, Path], meant: list[str]) -> None:
    """Refuse a folder that is a split by its name and by what is in it, where no other has such a name."""
    for name in meant:
        classes = {path.name for path in _entries(found[name])[0]}
        if classes and len(found) == 1:
            remedy = f"let the setting `folder` name '{name}' itself, or add the others"
            raise UserError(f"'{folder}' has the split '{name}' alone: {remedy}; splits are called {SPLIT_NAMES}")
        for other in sorted(set(found) - {name}):
            if classes & {path.name for path in _entries(found[other])[0]}:
                both = f"'{folder}' has '{other}' beside '{name}', both with the same sub-folders, as splits have"
                raise UserError(f"{both}: call them {SPLIT_NAMES}, or, if they are classes, rename the sub-folders")


def _classes(home: Path) -> list[Path]:
    classes = _entries(home)[0]
    if not classes:
        raise UserError(f"'{home}' has no class: put the images of each class into a sub-folder")
    return classes


def _files(folder: Path, seen: dict[Path, Path]) -> Iterator[Path]:
    """Yield the files anywhere below `folder`; `seen` are the folders that may not be met again, by their real path."""
    real = folder.resolve()
    if real in seen:
        both = f"'{seen[real]}' and '{folder}' are one folder, by a link"
        raise UserError(f"{both}, and images would count twice: remove the link")
    seen[real] = folder
    folders, files = _entries(folder)
    yield from files
    for inner in folders:
        yield from _files(inner, seen)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder that are not hidden, each sorted."""
    folders: list[Path] = []
    files: list[Path] = []
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(Path(entry))
    except OSError as error:
        raise UserError(f"cannot list '{folder}' ({error.strerror}): make it readable") from None
    gone = [path for path in files if not _is_image(path) and not path.exists()]
    if gone:
        raise UserError(f"'{gone[0]}' is a link to nothing: restore what it points to, or remove it")
    return folders, files


def _is_image(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _suffix(path: Path) -> str:
    return path.suffix.lower() if path.suffix and path.suffix.isprintable() else "no suffix"
