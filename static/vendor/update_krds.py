"""Vendor KRDS, the government design system of Korea, again. For maintainers: nobody needs Node.

    python static/vendor/update_krds.py          fetch, subset, write krds/ and its LOCK
    python static/vendor/update_krds.py --check  compare krds/ with its LOCK, offline

Fetching needs npm, and fonttools and brotli in the Python that runs this.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "krds-uiux"
VERSION = "1.1.0"
TARBALL_SHA256 = "2958eee582fabe3a3319a1032880f0f838c79647a311497d0d2045686c35dba8"
KRDS = Path(__file__).resolve().parent / "krds"

STYLES = ["css/component/output.css", "css/token/krds_tokens.css"]
WEIGHTS = ["Regular", "Bold"]
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
    """The two sheets and the pictures they name. The source maps are not shipped, so neither
    is the line that points at them: collecting static files would stop at a missing file."""
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


def subset_fonts(source: Path) -> None:
    from fontTools import subset

    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["kern", "ccmp", "tnum", "calt"]
    options.drop_tables += ["vhea", "vmtx"]
    options.name_IDs = ["*"]  # copyright and licence travel with the font
    wanted = ks_x_1001().union(*(range(first, last + 1) for first, last in LATIN))
    (KRDS / "fonts").mkdir(parents=True, exist_ok=True)
    for weight in WEIGHTS:
        font = subset.load_font(source / f"fonts/PretendardGOV-{weight}.subset.woff2", options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=wanted)
        subsetter.subset(font)
        font["head"].modified = font["head"].created  # the same bytes on every run
        font.recalcTimestamp = False
        subset.save_font(font, KRDS / f"fonts/PretendardGOV-{weight}.woff2", options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare with LOCK")
    if parser.parse_args().check:
        if (KRDS / "LOCK").read_text() != lock_text():
            sys.exit("static/vendor/krds differs from its LOCK.")
        return
    with tempfile.TemporaryDirectory() as name:
        source = download(Path(name))
        for folder in ["css", "img", "fonts"]:
            shutil.rmtree(KRDS / folder, ignore_errors=True)
        copy_styles(source)
        subset_fonts(source)
    (KRDS / "LOCK").write_text(lock_text())


if __name__ == "__main__":
    main()
