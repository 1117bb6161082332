"""The structure that a reader relies on: layers, small folders and classes, one name for one thing."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "signal_client_oci"
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")

MOST_MODULES = 13
MOST_LINES = 200
MOST_ATTRIBUTES = 12
PAGES = ("contributing", "design", "host-contract")
OUTSIDE_THE_PLUGIN = ("host", "sandbox", "cli")

# What is still over a limit: each entry is to be removed, none to be added.
TWO_THINGS_IN_THE_PLUGIN: set[str] = set()
TWO_THINGS_WITH_THE_SANDBOX: set[str] = set()
OLD_NAMES_LEFT = {"owed_since"}  # a name in stored checkpoints
OLD_WORDS_LEFT: dict[str, set[str]] = {}

# The same name on purpose: a hook and its specification, the commands, the functions that start a program.
ONE_THING_TWICE = {"command", "main"}
OLD_NAMES = set(
    re.findall(
        r"\w+",
        """
    Below Collector Crew Digests Drive Enquirer Landscape Made Pace Piece Position Progress Run
    TROUBLES Track Trouble WindowedService _Examination _hire _judge barren breach
    complaints crew demo_truth denials durable exchanges find_out fit_window is_hopeful job journal
    landscape left_out owed_since patience poison secret_shapes suspicious through
    told_in_one_line trap troubles unsettled waits_for weigh wire wording
        """,
    )
)
OLD_WORDS = (
    "barren",
    "broke off",
    "comes about",
    "crew",
    "development host",
    "devhost",
    "ended before its end",
    "enquirer",
    "excuse",
    "goes on there",
    "has trouble itself",
    "if it stays",
    "is no ocid",
    "owed",
    "the house",
    "this is no",
    "to be looked at",
)


@cache
def modules() -> dict[str, ast.Module]:
    """Dotted names below the package → syntax trees; a folder's `__init__` has the folder's name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def _imports(tree: ast.Module) -> set[str]:
    """The modules of the package that a module imports anywhere, also for types alone."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            base = (node.module or "").partition(".")[2]
            for alias in node.names:
                inside = f"{base}.{alias.name}".strip(".")
                found.add(inside if inside in modules() else base)
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".") for alias in node.names]
            found |= {rest for top, _, rest in names if top == PACKAGE.name}
    return found


@cache
def imports() -> dict[str, set[str]]:
    """The modules of the package that each of its modules imports."""
    return {name: _imports(tree) for name, tree in modules().items()}


def _layers() -> list[set[str]]:
    """The layers of the import contract, top to bottom."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    lines = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [{name.strip() for name in line.split("|")} for line in lines if line.strip()]


def _picture() -> str:
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```", DESIGN, re.MULTILINE | re.DOTALL)
    return picture


def _arrows(kind: str) -> set[tuple[str, str]]:
    """The arrows of one kind in the picture, by the labels of their ends."""
    labels = dict(re.findall(r'^\s+(\w+)\["(\w+)"\]$', _picture(), re.MULTILINE))
    ends = re.findall(rf"^\s+(\w+) {re.escape(kind)} (\w+)$", _picture(), re.MULTILINE)
    return {(labels[above], labels[below]) for above, below in ends}


def _imported_packages() -> set[tuple[str, str]]:
    """Pairs of top-level packages, the first of which imports the second."""
    pairs = {(name.split(".")[0], other.split(".")[0]) for name, used in imports().items() for other in used}
    return {(one, other) for one, other in pairs if one != other and one and other}


def _classes() -> dict[str, ast.ClassDef]:
    return {
        f"{name}.{node.name}": node
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


def _is_record(node: ast.ClassDef) -> bool:
    """Whether a class is data: its fields are what it is made of, not state that methods share."""
    bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    frozen = any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
    return frozen or not methods or bool(bases & {"BaseModel", "NamedTuple", "Struct", "TypedDict"})


def _attributes(node: ast.ClassDef) -> set[str]:
    """The attributes that a class declares or sets on itself."""
    declared = {
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }
    stored = {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and ast.unparse(part.value) == "self"
    }
    return declared | stored


def _public_definitions(*, outside: bool) -> dict[str, set[str]]:
    """Public classes and functions of modules → the modules; with or without what is outside of the plugin."""
    found = defaultdict(set)
    for name, tree in modules().items():
        if outside or name.split(".")[0] not in OUTSIDE_THE_PLUGIN:
            for node in tree.body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    found[node.name].add(name)
    return found


def _defined_names() -> set[str]:
    """Every module, class, function, parameter and attribute of the package."""
    names = {part for name in modules() for part in name.split(".")}
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                names.add(ast.unparse(node.target).split(".")[-1])
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.Assign):
                names |= {ast.unparse(target) for target in node.targets}
    return names


@pytest.mark.slow
def test_the_layers_hold():
    """import-linter finds no broken contract."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--config", ".importlinter", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b\d+ kept, 0 broken", done.stdout)


def test_the_picture_has_the_layers_of_the_import_contract():
    """The groups of the picture in `docs/design.md` are the layers, in the same order."""
    groups = re.findall(r'^ {4}subgraph \w+ \[" "\]\n(.*?)^ {4}end$', _picture(), re.MULTILINE | re.DOTALL)
    assert [set(re.findall(r'\w+\["(\w+)"\]', group)) for group in groups] == _layers()


@pytest.mark.slow
def test_the_arrows_of_the_picture_are_imports():
    """Each solid arrow is an import; a dotted one is none."""
    assert _arrows("-->") - _imported_packages() == set()
    assert _arrows("-.->") == {("host", "plugin")}
    assert not _arrows("-.->") & _imported_packages()


def test_every_import_can_be_followed_in_the_picture():
    """What a package imports can be reached from it along solid arrows."""
    below = defaultdict(set)
    for above, other in _arrows("-->"):
        below[above].add(other)

    def reached(start):
        return below[start].union(*map(reached, list(below[start])))

    assert {(one, other) for one, other in _imported_packages() if other not in reached(one)} == set()


def test_the_table_of_packages_is_complete():
    """Each package of the import contract has one row that says what it does."""
    rows = re.findall(r"^\| `(\w+)` \| ", DESIGN, re.MULTILINE)
    assert sorted(rows) == sorted(set().union(*_layers()))


def test_the_glossary_has_each_word_once():
    """One word for one thing: no word is explained twice."""
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", DESIGN[DESIGN.index("## Glossary") :], re.MULTILINE)
    assert len(words) > 20
    assert len({word.lower() for word in words}) == len(words)


def test_no_two_files_import_each_other():
    """Whoever reads one of two files need not know the other."""
    mutual = {
        (one, other)
        for one, used in imports().items()
        for other in used
        if one < other and one in imports().get(other, ())
    }
    assert mutual == set()


def test_every_folder_is_small():
    """A folder has about a dozen modules at most."""
    folders = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        if path.name != "__init__.py":
            folders[".".join(path.relative_to(PACKAGE).parts[:-1])].add(path.name)
    large = {name for name, modules in folders.items() if len(modules) > MOST_MODULES}
    assert large == set()


@pytest.mark.slow
def test_every_class_is_small():
    """A class has at most 200 lines and, unless it is a record, a dozen attributes."""
    large = {
        name
        for name, node in _classes().items()
        if (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES
        or (not _is_record(node) and len(_attributes(node)) > MOST_ATTRIBUTES)
    }
    assert large == set()


def test_no_public_name_of_the_plugin_means_two_things():
    """A public class or function is defined in one module of the plugin."""
    twice = {name: places for name, places in _public_definitions(outside=False).items() if len(places) > 1}
    assert twice.keys() - TWO_THINGS_IN_THE_PLUGIN == set(), twice


def test_no_public_name_of_the_package_means_two_things():
    """The same with host, sandbox and command line; a hook and its specification are one thing."""
    twice = {
        name: places
        for name, places in _public_definitions(outside=True).items()
        if len(places) > 1 and not name.startswith("signal_client_")
    }
    allowed = TWO_THINGS_IN_THE_PLUGIN | TWO_THINGS_WITH_THE_SANDBOX | ONE_THING_TWICE
    assert twice.keys() - allowed == set(), twice


@pytest.mark.slow
def test_no_old_name_is_left():
    """Modules, classes, functions and attributes have the names of the glossary."""
    assert (_defined_names() & OLD_NAMES) - OLD_NAMES_LEFT == set()


@pytest.fixture(scope="module")
def texts():
    """The modules and the pages for maintainers, by path, each on one line."""
    pages = [ROOT / "README.md", *(ROOT / "docs" / f"{page}.md" for page in PAGES)]
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    paths |= {page.name: page for page in pages}
    return {name: " ".join(path.read_text(encoding="utf-8").split()) for name, path in paths.items()}


@pytest.mark.parametrize("word", OLD_WORDS)
@pytest.mark.slow
def test_no_old_word_is_left(word, texts):
    """Messages, comments and pages are plain current English."""
    phrase = re.compile(rf"\b{word}s?\b", re.IGNORECASE)
    found = {name for name, text in texts.items() if phrase.search(text)}
    assert found - OLD_WORDS_LEFT.get(word, set()) == set()


@pytest.mark.slow
def test_no_struct_is_examined_in_a_poll():
    """A struct that is decoded has its decoder made at import: two threads that first use it at once crash Python.

    `msgspec.convert` takes a type only, and needs such a decoder beside it; the kinds of `lenient_decode` are those
    of fields, and no structs.
    """
    calls, at_import = Counter[str](), Counter[str]()
    with_a_type = set()
    for name, tree in modules().items():
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        for statement in tree.body:
            for node in ast.walk(statement):
                if not isinstance(node, ast.Call):
                    continue
                called = ast.unparse(node.func)
                calls[called] += 1
                at_import[called] += not isinstance(statement, functions)
                if called == "msgspec.convert" or any(keyword.arg == "type" for keyword in node.keywords):
                    with_a_type.add((name, called))
    assert calls["msgspec.json.Decoder"] == at_import["msgspec.json.Decoder"] > 0
    assert {(name, called) for name, called in with_a_type if called.startswith("msgspec.")} == {
        ("state.checkpoint", "msgspec.convert"),
        ("artifacts.lenient_decode", "msgspec.json.decode"),
    }
