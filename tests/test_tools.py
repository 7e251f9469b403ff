"""The one door to the programs, the walls between the rooms, and the small programs."""

import ast
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from conftest import ROOT, code_cells

from tools.__main__ import COMMANDS, main, usage
from tools.cells import NOTEBOOK
from tools.grading.submission import LAYERS, as_python
from tools.html import to_html
from tools.speed import engines, speed
from tools.tables import fill, speed_tables

# The door


def test_help_lists_every_command_and_loads_no_numpy():
    code = (
        "import sys; from tools.__main__ import main; main(['-h']); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"{usage()}\nFalse\n"
    for name, (_, who, what) in COMMANDS.items():
        assert f"  {name:<13}{who:<22}{what}\n" in usage()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_under_its_name(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m tools {name} ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "tools: expected one of run, data, "),
        (["report", "--output-dir", "nowhere"], "report: report.typ: expected a page that can be"),
        (["speed", "--rounds", "0"], "speed: --rounds: expected an integer >= 1, got 0"),
    ],
)
def test_bad_input_ends_in_one_sentence(arguments, said):
    command = [sys.executable, "-m", "tools", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_run_leaves_the_hand_in_alone(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--quick"])
    assert "--quick, --data-dir and --output-dir need --to FILE" in capsys.readouterr().err


# The walls


def imported(source):
    """The names of all modules that a program imports, however it spells that."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for name in (f"{module}.{alias.name}" for alias in node.names):
                is_module = (ROOT / f"{name.replace('.', '/')}.py").is_file()
                yield name if is_module else module


OURS = {*LAYERS, "lab", "data", "tools", "tests", ""}  # "" is before the dot of "from . import"
GRADING = {"lab", "data", "tools.grading", "tools.cells", "tools.continuation"}
WALLS = {  # files: what of this project they may import; where numpy is named, nothing beside it
    "[ADFLR]*.py": {"numpy", "lab.checks"},  # the layers
    "lab/*.py": {"lab"},
    "data/*.py": {"lab", "data"},
    "tools/grading/reference.py": {"numpy"},
    "tools/grading/*.py": GRADING,
}


def against(allowed, modules):
    """Those of `modules` that are beyond a wall."""
    held = [m for m in modules if "numpy" in allowed or m.split(".")[0] in OURS]
    return {m for m in held if not any(f"{m}.".startswith(f"{room}.") for room in allowed)}


@pytest.mark.parametrize("files", WALLS)
def test_rooms_import_only_what_their_wall_lets_in(files):
    sources = {path.name: path.read_text("utf-8") for path in ROOT.glob(files)}
    found = {name: against(WALLS[files], imported(text)) for name, text in sources.items()}
    assert found and not any(found.values()), found


def test_a_wall_sees_every_way_to_import():
    modules = set(imported("import tools.run, lab.x, os\nfrom . import a\nfrom lab import files"))
    assert modules == {"tools.run", "lab.x", "os", ".", "lab.files"}
    assert against(WALLS["lab/*.py"], modules) == {"tools.run", "."}
    assert against(WALLS["[ADFLR]*.py"], {*modules, "lab.checks"}) == modules


def test_what_reads_a_hand_in_runs_nothing_of_it():
    running = {"exec", "eval", "compile", "__import__", "load_cells", "load", "loads", "np.load"}
    for path in ROOT.glob("tools/grading/*.py"):
        source = path.read_text("utf-8")
        nodes = ast.walk(ast.parse(source))
        calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        assert not calls & {*running, "pickle.load", "pickle.loads"}, path.name
        starting = {"importlib", "runpy", "subprocess"} & set(imported(source))
        assert starting == ({"subprocess"} if path.name == "rerun.py" else set()), path.name


def test_the_notebook_imports_few_names_and_nothing_of_tools():
    source = "\n".join(as_python(cell.source) for cell in code_cells(NOTEBOOK))
    assert "tools" not in {module.split(".")[0] for module in imported(source)}
    assert 10 < len(list(imported(source))) <= 16  # one entry for each name


def test_top_level_has_the_known_entries():
    if not (ROOT / ".git").exists():
        pytest.skip("without a git repository, other files may lie around")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    entries = {line.split("/")[0] for line in done.stdout.splitlines()}
    files = {"Lab6.ipynb", "README.md", "LICENSE", "pyproject.toml", "requirements.txt"}
    folders = {"data", "lab", "outputs", "template", "tests", "tools"}
    assert entries == files | folders | {f"{x}.py" for x in LAYERS} | {".ci", ".gitignore"}


# The small programs


def test_page_for_readers_without_jupyter():
    """Formulas are drawn by the browser, code keeps its dollars, nothing comes from elsewhere."""
    cell = nbformat.v4.new_markdown_cell("$h_t$ and `$5` and $$a < b$$")
    page = to_html(nbformat.v4.new_notebook(cells=[cell]))
    assert page.count("<math") == 2
    assert 'display="block"' in page
    assert "<mo>&lt;</mo>" in page
    assert "<code>$5</code>" in page
    assert "<script src" not in page


def test_engines_take_the_same_step():
    trained = {}
    for name in ("ours", "plain"):
        layer, X, dH = engines.task(3, 4, 2, 5, "float64")
        engines.ENGINES[name](layer, X, 1e4 * dH)()
        trained[name] = np.hstack([layer.Wx, layer.Wh, layer.bh])
    np.testing.assert_allclose(trained["ours"], trained["plain"], rtol=1e-10)
    start = engines.task(3, 4, 2, 5, "float64")[0]
    assert np.abs(trained["ours"][:, 2:7] - start.Wh).max() > 0.1


def test_speed_is_measured_in_both_dtypes(monkeypatch):
    monkeypatch.setattr(speed, "SHAPES", ((2, 3, 1, 4),))
    monkeypatch.setattr(speed, "ENGINES", ("ours", "floor"))
    table = speed.compare_engines(rounds=1, seconds=0)
    assert set(table) == {"float32", "float64"}
    for rows in table.values():
        assert set(rows) == {"2, 3, 1, 4"}
        assert min(rows["2, 3, 1, 4"].values()) > 0
    assert set(speed.ratios(table)) == {"floor float32", "floor float64"}


def test_ratios_and_their_verdicts():
    times = {"a": {"ours": 2, "floor": 1, "torch": 4}, "b": {"ours": 1, "floor": 1, "torch": 16}}
    found = speed.ratios({"float32": times})
    assert found["floor float32"] == {"mean": 1.414, "min": 1, "max": 2, "target": {"most": 1.5}}
    assert [found["torch float32"][key] for key in ("mean", "min", "max")] == [5.657, 2, 16]
    rest = {"milliseconds": {"float32": times}, "growth": [[1, 2, 3, 4]], "training_overhead": 0.5}
    rest["environment"] = {"processor": "one", "cores": 1, "versions": {"numpy": "2", "jax": None}}
    text = speed_tables(rest | {"ratios": found})
    assert "| floor float32 | 1.41 | 1.00 | 2.00 | <= 1.5: met |" in text
    assert "| torch float32 | 5.66 | 2.00 | 16.00 | >= 3.5, each >= 1: met |" in text
    times["a"]["torch"], times["b"]["torch"] = 1, 64  # good on average, but not in each shape
    text = speed_tables(rest | {"ratios": speed.ratios({"float32": times})})
    assert "| torch float32 | 5.66 | 0.50 | 64.00 | >= 3.5, each >= 1: missed |" in text
    assert text.endswith("Measured on one, 1 cores; numpy 2.")


def test_a_table_goes_between_its_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- results -->\nold\n<!-- /results -->\nb", "utf-8")
    fill(path, "new")
    assert path.read_text("utf-8") == "a\n<!-- results -->\nnew\n<!-- /results -->\nb"
    path.write_text("<!-- results --> only", "utf-8")
    with pytest.raises(ValueError, match="once each, got 1 markers in all"):
        fill(path, "new")
