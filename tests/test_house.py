"""The rules of the house that a reader cannot see in one file: read off the tracked sources themselves."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Each room imports those before it, none behind.
FLOORS = ["accounts", "webhooks", "billing", "providers", "activations", "api"]
SOURCES = [*FLOORS, "portal"]
# Names are put together here, so that this file does not hold what it looks for.
INDEX_HOSTS = re.compile(r"pypi" r"\.org|python" r"hosted\.org|--(extra-)?index" r"-url[ =]")
OWN_MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/")
IS_PAGE = re.compile(r"^(api/(?!queries\.py).*|\w+/(\w*_)?(pages|views))\.py$")


@cache
def tracked():
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def modules():
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in SOURCES]


def parsed(name):
    return ast.parse((ROOT / name).read_text())


def imports(tree):
    """(line, module) of everything that is imported when the code runs, in functions too."""
    typing_only = {
        id(inner)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test).endswith("TYPE_CHECKING")
        for node in branch.body
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def climbs(name, source):
    """Imports of a room above the file's own, and relative ones, which hide where they lead."""
    floor = FLOORS.index(name.split("/")[0])
    above = FLOORS[floor + 1 :]
    return [
        f"{name}:{line} {module}"
        for line, module in imports(ast.parse(source))
        if module.split(".")[0] in above or module.startswith(".")
    ]


def lines_with(pattern, *, among):
    for name in among:
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue  # pictures
        yield from (
            f"{name}:{number} {line.strip():.80}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        )


def test_imports_run_one_way():
    rooms = [name for name in modules() if name.split("/")[0] in FLOORS]

    assert len(rooms) > 100
    assert [climb for name in rooms for climb in climbs(name, (ROOT / name).read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "from activations.models import Activation",
        "import api.auth",
        "def late():\n    from activations import wish",
        "from ..activations import wish",
    ],
)
def test_an_import_that_climbs_is_noticed(source):
    assert climbs("billing/ledger.py", source)
    assert not climbs("billing/ledger.py", "from accounts.models import Tenant\nimport billing.money")
    typing_only = "if TYPE_CHECKING:\n    from activations.models import Activation"
    assert not climbs("billing/ledger.py", typing_only)


def test_what_is_imported_inside_a_function_says_why():
    """Each such line carries `noqa`, and its function's docstring the reason."""
    unexplained = []
    for name in modules():
        lines = (ROOT / name).read_text().splitlines()
        for function in ast.walk(parsed(name)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and not (
                    "noqa: PLC0415" in lines[node.lineno - 1] and ast.get_docstring(function)
                ):
                    unexplained.append(f"{name}:{node.lineno}")

    assert unexplained == []


def test_views_pages_and_api_ask_queries_not_tables():
    """What starts at a model's manager starts at no tenant; queries.py and services do."""
    pages = [name for name in modules() if IS_PAGE.match(name) and "/migrations/" not in name]

    assert {"activations/pages.py", "activations/views.py", "api/retail/order.py"} <= set(pages)
    assert list(lines_with(re.compile(r"\.(objects|_default_manager|_base_manager)\b"), among=pages)) == []


def test_no_test_imports_the_web_process():
    """What portal.wsgi changes for a whole process (signals, garbage) is for web processes alone."""
    tests = [name for name in tracked() if name.startswith("tests/") and name.endswith(".py")]
    assert list(lines_with(re.compile(r"^\s*(from|import) portal\.(wsgi|asgi)\b"), among=tests)) == []


def test_no_tracked_file_names_a_package_index():
    assert list(lines_with(INDEX_HOSTS, among=tracked())) == []


def test_no_tracked_file_names_a_place_of_somebodys_machine():
    assert list(lines_with(OWN_MACHINE, among=tracked())) == []
