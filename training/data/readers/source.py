"""What one SOURCE argument names: a directory, a file, or a glob; a `.gz` behind a name counts too."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import glob, has_magic
from pathlib import Path
from typing import Self

from training.data.errors import MissingFile
from training.data.readers.text import GZ, head_of

HEAD_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """Files to read.

    Attributes:
        root: the directory, or the folder that the files have in common; reports name files from here.
        listed: the files that were named, in order; empty where a whole directory was named.
    """

    root: Path
    listed: tuple[Path, ...] = ()

    @classmethod
    def of(cls, argument: str | Path) -> Self:
        """Expand an argument: a path that exists is itself, whatever characters it has; else it may be a glob.

        Raises:
            MissingFile: nothing is there.
        """
        path = Path(argument)
        if path.is_dir():
            return cls(path)
        if path.exists():
            return cls(path.parent, (path,))
        found = tuple(sorted(Path(name) for name in glob(str(argument), recursive=True) if Path(name).is_file()))  # noqa: PTH207
        if not has_magic(str(argument)) or not found:
            raise MissingFile(path, "a directory, a file, or a glob such as 'ratings-*.csv' that fits one at least")
        folder = found[0].parent
        while not all(file.is_relative_to(folder) for file in found):
            folder = folder.parent
        return cls(folder, found)

    @property
    def name(self) -> str:
        """How a data set of this source is called: the folder, or the file without its ending."""
        if len(self.listed) != 1:
            return self.root.resolve().name
        return self.listed[0].name.removesuffix(GZ).rsplit(".", 1)[0] or self.listed[0].name

    def find(self, *names: str) -> Path | None:
        """Give the first of these files that is there, by its path below the root; `ratings.csv.gz` counts, too."""
        for name in names:
            for spelled in (name, name + GZ):
                path = self.root / spelled
                if path in self.listed or (not self.listed and path.is_file()):
                    return path
        return None

    def need(self, *names: str, expected: str) -> Path:
        """Give the first of these files, as `find`.

        Raises:
            MissingFile: none is there; `expected` says what the file should hold.
        """
        path = self.find(*names)
        if path is None:
            raise MissingFile(
                self.root / names[0], expected if len(names) == 1 else f"{' or '.join(names)}: {expected}"
            )
        return path

    def glob(self, *patterns: str) -> list[Path]:
        """Give the files right below the root whose name fits one of the patterns, with `.gz` or without, sorted."""
        spelled = [form for pattern in patterns for form in (pattern, pattern + GZ)]
        files = [path for path in self.files() if any(fnmatch(self.name_of(path), form) for form in spelled)]
        return [path for path in files if "/" not in self.name_of(path) or self.listed]

    def files(self) -> Iterator[Path]:
        """Give every file, of a directory also those of its folders, in a stable order; hidden ones are left out."""
        if self.listed:
            yield from self.listed
            return
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.root).parts):
                yield path

    def name_of(self, path: Path) -> str:
        """Name a file the way reports do: from the root, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def head(self, path: Path, n_bytes: int = HEAD_BYTES) -> bytes:
        """Give the first bytes of a file, unpacked; a file that cannot be read or unpacked gives none."""
        return head_of(path, n_bytes)
