"""Vendor KRDS, the government design system of Korea, again. For maintainers: nobody needs Node.

    python static/vendor/update_krds.py          fetch, subset, write krds/ and its LOCK
    python static/vendor/update_krds.py --pages  cut the font of the public pages again, offline
    python static/vendor/update_krds.py --check  compare krds/ with its LOCK, offline

Fetching needs npm; both need fonttools, brotli and polib in the Python that runs this.
"""

import argparse
import csv
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

PACKAGE = "krds-uiux"
VERSION = "1.1.0"
TARBALL_SHA256 = "2958eee582fabe3a3319a1032880f0f838c79647a311497d0d2045686c35dba8"
KRDS = Path(__file__).resolve().parent / "krds"

ROOT = KRDS.parents[2]

STYLES = ["css/token/krds_tokens.css"]
WEIGHTS = ["Regular", "Bold"]
# Headings, buttons and numbers of the public pages: what their texts use most, in 40 kB.
PAGES = "fonts/Pages-Bold.woff2"
PAGES_LETTERS = 480
PAGES_LATIN = [(0x20, 0x7E), (0xA0, 0xA0), (0xB7, 0xB7), (0xD7, 0xD7), (0x2013, 0x2014),
               (0x2018, 0x201D), (0x2026, 0x2026)]  # fmt: skip
SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/\s*")
URL = re.compile(r"url\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
OUTSIDE_HOST = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])(?:https?:)?//")

# What a name, an address or our own words need besides Hangul; the rest falls back to the system.
LATIN = [
    (0x0020, 0x007E), (0x00A0, 0x017F), (0x2010, 0x2027), (0x2030, 0x203B), (0x20A9, 0x20AC),
    (0x2103, 0x2122), (0x2190, 0x2193), (0x2460, 0x246E), (0x2212, 0x2212), (0x3000, 0x3011),
]  # fmt: skip


def ks_x_1001() -> set[int]:
    """The 2,350 syllables that nearly all Korean text is written with."""
    return {
        ord(bytes([row, cell]).decode("euc_kr"))
        for row in range(0xB0, 0xC9)
        for cell in range(0xA1, 0xFF)
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_text() -> str:
    """One `sha256sum` line per file, so that `sha256sum --check LOCK` works too."""
    files = sorted(p for p in KRDS.rglob("*") if p.is_file() and p.name != "LOCK")
    return "".join(f"{sha256(p)}  {p.relative_to(KRDS).as_posix()}\n" for p in files)


def download(folder: Path) -> Path:
    npm = shutil.which("npm") or sys.exit("npm is needed to fetch the package.")
    subprocess.run(  # noqa: S603
        [npm, "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"], check=True
    )
    tarball = folder / f"{PACKAGE}-{VERSION}.tgz"
    if sha256(tarball) != TARBALL_SHA256:
        sys.exit(f"{tarball.name} is not the file that was vendored before. Nothing was changed.")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package" / "resources"


def copy_styles(source: Path) -> None:
    """The sheet and the pictures it names. The source map is not shipped, so neither
    is the line that points at it: collecting static files would stop at a missing file."""
    for name in STYLES:
        css = SOURCE_MAP.sub("", (source / name).read_text(encoding="utf-8"))
        if OUTSIDE_HOST.search(css):
            sys.exit(f"{name} calls an outside host.")
        target = KRDS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(css, encoding="utf-8")
        for url in set(URL.findall(css)):
            picture = (source / name).parent.joinpath(url).resolve()
            copy = KRDS / picture.relative_to(source.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, copy)


def letters_of_pages() -> set[int]:
    """The syllables that the translations and the names of districts use most."""
    import polib

    catalog = polib.pofile(str(ROOT / "locale/ko/LC_MESSAGES/django.po"))
    texts = [text for entry in catalog for text in (entry.msgstr, *entry.msgstr_plural.values())]
    with (ROOT / "dataio/districts.csv").open(encoding="utf-8") as file:
        texts += [cell for row in csv.reader(file) for cell in row]
    used = Counter(letter for text in texts for letter in text if "가" <= letter <= "힣")
    most = sorted(used, key=lambda letter: (-used[letter], letter))[:PAGES_LETTERS]
    return {ord(letter) for letter in most}


def cut(source: Path, target: Path, letters: set[int], features: list[str]) -> None:
    from fontTools import subset

    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = features
    options.drop_tables += ["vhea", "vmtx"]
    options.name_IDs = ["*"]  # copyright and licence travel with the font
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    font["head"].modified = font["head"].created  # the same bytes on every run
    font.recalcTimestamp = False
    target.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, target, options)


def subset_fonts(source: Path) -> None:
    letters = ks_x_1001().union(*(range(first, last + 1) for first, last in LATIN))
    for weight in WEIGHTS:
        target = KRDS / f"fonts/PretendardGOV-{weight}.woff2"
        original = source / f"fonts/PretendardGOV-{weight}.subset.woff2"
        cut(original, target, letters, ["kern", "ccmp", "tnum", "calt"])


def subset_pages() -> None:
    letters = letters_of_pages().union(*(range(first, last + 1) for first, last in PAGES_LATIN))
    cut(KRDS / "fonts/PretendardGOV-Bold.woff2", KRDS / PAGES, letters, ["tnum"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare with LOCK")
    parser.add_argument("--pages", action="store_true", help="only the font of the pages")
    options = parser.parse_args()
    if options.check:
        if (KRDS / "LOCK").read_text() != lock_text():
            sys.exit("static/vendor/krds differs from its LOCK.")
        return
    if not options.pages:
        fetch()
    subset_pages()
    (KRDS / "LOCK").write_text(lock_text())


def fetch() -> None:
    with tempfile.TemporaryDirectory() as name:
        source = download(Path(name))
        for folder in ["css", "img", "fonts"]:
            shutil.rmtree(KRDS / folder, ignore_errors=True)
        copy_styles(source)
        subset_fonts(source)


if __name__ == "__main__":
    main()
