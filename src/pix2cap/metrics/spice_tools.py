"""Where the original SPICE's programs are: Java, the jars of pycocoevalcap, CoreNLP's and Nashorn's.

`spice-1.0.jar` and most of what it needs come inside PyPI's pycocoevalcap. CoreNLP 3.6.0 and its models do
not, nor does the JavaScript engine that left the JVM with Java 15: they are looked for in the folder
PIX2CAP_SPICE_HOME and beside `spice-1.0.jar`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2cap.errors import MetricUnavailable

HOME_VARIABLE = "PIX2CAP_SPICE_HOME"

CORENLP = "edu.stanford.nlp:stanford-corenlp:3.6.0"
CORENLP_MODELS = "edu.stanford.nlp:stanford-corenlp:3.6.0:jar:models"
NASHORN = "org.openjdk.nashorn:nashorn-core:15.4"
ASM = tuple(
    f"org.ow2.asm:{name}:7.3.1" for name in ("asm", "asm-commons", "asm-tree", "asm-util", "asm-analysis")
)

_FIRST_JAVA_WITHOUT_NASHORN = 15
_FIRST_JAVA_FOR_NASHORN_JAR = 11
_OLDEST_JAVA = 8


@dataclass(frozen=True)
class MissingPart:
    """Something that SPICE needs and that is not there.

    Args:
        name: What is missing.
        commands: What to type to get it.
        artifacts: Maven coordinates of the jars.
    """

    name: str
    commands: tuple[str, ...]
    artifacts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The name, with the coordinates where there are any."""
        return f"{self.name} ({', '.join(self.artifacts)})" if self.artifacts else self.name


@dataclass(frozen=True)
class SpiceTools:
    """Everything that is needed to start SPICE.

    Args:
        java: The `java` program.
        class_path: All jars.
        main_class: Nashorn's shell, which runs our worker script.
        java_version: Major version, 17 for "17.0.15".
    """

    java: Path
    class_path: tuple[Path, ...]
    main_class: str
    java_version: int

    def fingerprint(self) -> str:
        """A hash of what the jars hold, so that results of other versions are never mixed."""
        digest = hashlib.sha256()
        for path in sorted(self.class_path, key=lambda jar: jar.name):
            digest.update(path.name.encode() + b"\0" + _content_hash(path) + b"\0")
        return digest.hexdigest()


@dataclass(frozen=True)
class SpiceSearch:
    """What was found: the tools, or what is missing."""

    tools: SpiceTools | None
    missing: tuple[MissingPart, ...]


def find_spice_tools(environ: Mapping[str, str] | None = None) -> SpiceTools:
    """The tools to run SPICE with.

    Args:
        environ: Environment to read PATH, JAVA_HOME and PIX2CAP_SPICE_HOME from; the process's own by
            default.

    Raises:
        MetricUnavailable: Something is missing; the message says what and how to get it.
    """
    search = search_spice_tools(environ)
    if search.tools is None:
        environ = os.environ if environ is None else environ
        given = environ.get(HOME_VARIABLE)
        where = f"; {HOME_VARIABLE} is {given}" if given else ""
        raise MetricUnavailable(
            f"SPICE cannot run, missing {'; '.join(map(str, search.missing))}{where};"
            " `pix2cap doctor` prints the commands to get them"
        )
    return search.tools


def search_spice_tools(
    environ: Mapping[str, str] | None = None, *, package: Path | None = None
) -> SpiceSearch:
    """Look for all parts and name those that are missing.

    Args:
        environ: Environment to read PATH, JAVA_HOME and PIX2CAP_SPICE_HOME from; the process's own by
            default.
        package: Folder of pycocoevalcap; the installed one by default.
    """
    environ = os.environ if environ is None else environ
    package = find_pycocoevalcap() if package is None else package
    home = Path(environ[HOME_VARIABLE]).expanduser() if environ.get(HOME_VARIABLE) else None
    missing: list[MissingPart] = []
    java = find_java(environ)
    version = None if java is None else java_version(java)
    if java is None or version is None or version < _OLDEST_JAVA:
        told = "Java" if version is None else f"Java {_OLDEST_JAVA} or later (found {version})"
        missing.append(MissingPart(f"{told} (JAVA_HOME or `java` on the PATH)", _GET_JAVA))
    own = _jars(package / "spice", package / "spice" / "lib") if package is not None else ()
    if not any(jar.name == "spice-1.0.jar" for jar in own):
        missing.append(MissingPart("spice-1.0.jar (Python package pycocoevalcap)", _GET_PACKAGE))
    given = _jars(home) if home is not None else ()
    every = _distinct((*given, *own))
    missing.extend(_missing_jars(every, home, version))
    if missing or java is None or version is None:
        return SpiceSearch(None, tuple(missing))
    has_jar = (
        any(jar.name.startswith("nashorn-core-") for jar in every) and version >= _FIRST_JAVA_FOR_NASHORN_JAR
    )
    main_class = "org.openjdk.nashorn.tools.Shell" if has_jar else "jdk.nashorn.tools.Shell"
    return SpiceSearch(SpiceTools(java, every, main_class, version), ())


_GET_JAVA = ("install a Java runtime, 8 or later (Debian: apt install default-jre-headless)",)
_GET_PACKAGE = ("pip install 'pix2cap[metrics]'",)
_SET_HOME = f'export {HOME_VARIABLE}="$PWD/spice-jars"'


def _missing_jars(jars: Sequence[Path], home: Path | None, version: int | None) -> list[MissingPart]:
    wanted = [
        ("stanford-corenlp-3.6.0.jar", CORENLP, r"stanford-corenlp-3\.6\.0\.jar"),
        ("stanford-corenlp-3.6.0-models.jar", CORENLP_MODELS, r"stanford-corenlp-3\.6\.0-models"),
    ]
    if version is None or version >= _FIRST_JAVA_WITHOUT_NASHORN:
        wanted.append(("nashorn-core-15.4.jar (for Java 15 and later)", NASHORN, r"nashorn-core-\d"))
        for artifact in ASM:
            _, name, number = artifact.split(":")
            wanted.append((f"{name}-{number}.jar (for Nashorn)", artifact, rf"{name}-\d"))
    folder = home if home is not None else Path("spice-jars")
    missing = [
        MissingPart(name, (copy_command(artifact, folder),), (artifact,))
        for name, artifact, pattern in wanted
        if not any(re.match(pattern, jar.name) for jar in jars)
    ]
    if missing and home is None:
        missing.append(MissingPart(f"{HOME_VARIABLE}, the folder of these jars", (_SET_HOME,)))
    elif home is not None and not home.is_dir():
        missing.append(MissingPart(f"the folder {home}", (f"mkdir -p {home}",)))
    return missing


def copy_command(artifact: str, folder: Path) -> str:
    """What to type to have Maven put one jar into a folder."""
    return f"mvn dependency:copy -Dartifact={artifact} -DoutputDirectory={folder}"


def find_java(environ: Mapping[str, str]) -> Path | None:
    """The `java` of JAVA_HOME, else that on the PATH."""
    if environ.get("JAVA_HOME"):
        found = shutil.which("java", path=str(Path(environ["JAVA_HOME"]) / "bin"))
        if found is not None:
            return Path(found)
    found = shutil.which("java", path=environ.get("PATH", ""))
    return Path(found) if found is not None else None


def java_version(java: Path) -> int | None:
    """Major version: 8 for "1.8.0_412", 17 for "17.0.15"; None where it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.search(rb'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(told[1]) if told is not None and done.returncode == 0 else None


def find_pycocoevalcap() -> Path | None:
    """The folder of the installed pycocoevalcap, found without importing it."""
    spec = importlib.util.find_spec("pycocoevalcap")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(places[0]) if places else None


def _jars(*folders: Path) -> tuple[Path, ...]:
    return tuple(jar.resolve() for folder in folders for jar in sorted(folder.glob("*.jar")))


def _distinct(jars: Sequence[Path]) -> tuple[Path, ...]:
    """The first jar of each name."""
    return tuple({jar.name: jar for jar in reversed(jars)}.values())[::-1]


def _content_hash(path: Path) -> bytes:
    """A jar's own checksums of its entries: as telling as its bytes, and 400 MB need not be read."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as jar:
            for entry in jar.infolist():
                digest.update(f"{entry.filename}\0{entry.CRC}\0{entry.file_size}\0".encode())
    except zipfile.BadZipFile:
        digest.update(path.read_bytes())
    return digest.digest()
