"""What our own source never does: read what can run, run text, build SQL from text, or call out to the network."""

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("app", "models", "training", "migrations", "docker", "data", "benchmarks", "deploy")

RUNNING_FORMATS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
RUNNING_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execvp", "runpy.run_path"),
    *("torch.load", "torch.save", "torch.hub.load", "torch.jit.load", "tempfile.mktemp", "pty.spawn"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "pl.DataFrame.deserialize", "pl.LazyFrame.deserialize"),
}
SQL_OF_TEXT = re.compile(r"(sa\.|sqlalchemy\.)?(text|literal_column|DDL)|.*\.exec_driver_sql")
NETWORK = {"httpx", "requests", "urllib.request", "http.client", "aiohttp", "socket", "ftplib", "smtplib", "urllib3"}
MAY_CALL = ("app/client/", "app/demo.py", "docker/healthcheck.py", "benchmarks/")
"""Who may open a connection with those: what runs on the caller's side, and the container's own probe."""


def name_of(node: ast.expr) -> str:
    """The dotted name of what is called; what has none is `…`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return "…"


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_constant(node: ast.expr, fixed: Collection[str]) -> bool:
    """Whether a text is the same whoever calls: written out, or made of names that are."""
    if isinstance(node, ast.Name):
        return node.id in fixed
    parts: Sequence[ast.expr] = ()
    match node:
        case ast.Constant():
            return True
        case ast.BinOp():
            parts = (node.left, node.right)
        case ast.IfExp():
            parts = (node.body, node.orelse)
        case ast.JoinedStr():
            parts = node.values
        case ast.FormattedValue():
            parts = (node.value,)
    return bool(parts) and all(is_constant(part, fixed) for part in parts)


def fixed_names(tree: ast.AST) -> set[str]:
    """Names that the source gives texts and numbers written out, and nothing else."""
    values: dict[str, list[bool]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values.setdefault(name_of(target), []).append(is_constant(node.value, ()))
        elif isinstance(node, ast.arg):
            values.setdefault(node.arg, []).append(False)
        elif isinstance(node, ast.For | ast.comprehension):
            values.setdefault(name_of(node.target), []).append(False)
    return {name for name, constant in values.items() if all(constant)}


def calls(tree: ast.AST) -> Iterator[str]:
    """Name each call that has no place here."""
    fixed = fixed_names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = name_of(node.func)
        options = {keyword.arg: keyword.value for keyword in node.keywords}
        if called in RUNNING_CALLS:
            yield called
        for option in ("shell", "allow_pickle"):
            value = options.get(option)
            if value is not None and not (isinstance(value, ast.Constant) and value.value is False):
                yield f"{called}({option}=…)"
        if SQL_OF_TEXT.fullmatch(called) and node.args and not is_constant(node.args[0], fixed):
            yield f"{called} of made-up text"


def secrets_compared(tree: ast.AST) -> Iterator[str]:
    """Name comparisons of what is secret that end at the first difference."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            sides = " ".join(ast.unparse(side) for side in (node.left, *node.comparators))
            if "secret_hash" in sides or "hash_of(" in sides:
                yield sides


def findings(source: str, path: str) -> list[str]:
    tree = ast.parse(source)
    modules = {name for each in imported(tree) for name in (each, each.partition(".")[0])}
    found = [f"imports {name}" for name in sorted(modules & RUNNING_FORMATS)]
    if not path.startswith(MAY_CALL):
        found += [f"imports {name}" for name in sorted(modules & NETWORK)]
    return found + list(calls(tree)) + list(secrets_compared(tree))


def test_no_source_of_ours_does_any_of_it() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 250
    found = {}
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        problems = findings(path.read_text(encoding="utf-8"), name)
        if problems:
            found[name] = problems
    assert found == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", "imports pickle"),
        ("from joblib import load", "imports joblib"),
        ("from torch import load\nimport torch\ntorch.load(path)", "torch.load"),
        ("import yaml\nyaml.load(text)", "yaml.load"),
        ("eval(text)", "eval"),
        ("subprocess.run(command, shell=True)", "subprocess.run(shell=…)"),
        ("subprocess.run(command, shell=loud)", "subprocess.run(shell=…)"),
        ("np.load(path, allow_pickle=True)", "np.load(allow_pickle=…)"),
        ("connection.execute(text(f'SELECT * FROM {table}'))", "text of made-up text"),
        ("sa.text('SELECT ' + column)", "sa.text of made-up text"),
        ("query = 'SELECT 1'\nquery = given\ntext(query)", "text of made-up text"),
        ("for table in tables:\n    text(f'DROP TABLE {table}')", "text of made-up text"),
        ("def f(table):\n    table = 'x'\n    text(f'DROP TABLE {table}')", "text of made-up text"),
        ("connection.exec_driver_sql('SELECT %s' % name)", "connection.exec_driver_sql of made-up text"),
        ("import urllib.request", "imports urllib.request"),
        ("from http import client", "imports http.client"),
        ("if key.secret_hash == given: pass", "key.secret_hash given"),
    ],
)
def test_each_of_them_would_be_found(source: str, expected: str) -> None:
    assert expected in findings(source, "app/services/new.py")


def test_what_is_allowed_is_not_found() -> None:
    for source in (
        "text('SELECT pg_advisory_xact_lock(:key)')",
        "text('SELECT 1 ' 'FROM x')",
        "query = 'SELECT 1'\ntext(query)",
        "_KB = 64 * 1024\nconnection.exec_driver_sql(f'PRAGMA cache_size=-{_KB}')",
        "connection.exec_driver_sql('BEGIN IMMEDIATE' if write else 'BEGIN')",
        "np.load(path, allow_pickle=False)",
        "subprocess.run([sys.executable, '-m', 'training'])",
        "model.eval()",
        "hmac.compare_digest(hash_of(a), key.secret_hash)",
    ):
        assert findings(source, "app/services/new.py") == [], source
