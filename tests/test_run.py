"""tools/run.py, on a notebook of three cells."""

import nbformat
import pytest

from tools import run as module


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Makes a small notebook that the command takes for the lab's."""
    monkeypatch.setattr(module, "NOTEBOOK", tmp_path / "Lab6.ipynb")
    monkeypatch.setattr(module, "OUTPUTS", tmp_path / "outputs")
    monkeypatch.setattr(module, "fill", lambda: None)
    monkeypatch.setattr(module, "look_at_all", lambda: ["X_test.csv: recognised"])
    (tmp_path / "outputs" / "stand-in").mkdir(parents=True)

    def make(last="print('end', QUICK, OUTPUT)"):
        attached = {"a.png": {"image/png": "aGk="}}
        cells = [
            nbformat.v4.new_markdown_cell("# Title ![a](attachment:a.png)", attachments=attached),
            nbformat.v4.new_code_cell(
                "QUICK, OUTPUT = False, 'outputs/'", metadata={"tags": ["parameters"]}
            ),
            nbformat.v4.new_code_cell(last, metadata={"collapsed": True}),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "Lab6.ipynb")
        return tmp_path / "Lab6.ipynb"

    return make


def printed(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return "".join(o.get("text", "") for cell in cells for o in cell.outputs)


def test_it_saves_in_place_twice_alike_and_clean(book):
    path = book()
    module.main([])
    first, saved = path.read_bytes(), nbformat.read(path, 4)
    module.main([])
    assert path.read_bytes() == first and printed(path) == "end False outputs/\n"
    assert [c.metadata for c in saved.cells] == [{}, {"tags": ["parameters"]}, {}]
    assert saved.cells[0].attachments == {"a.png": {"image/png": "aGk="}}
    page = (path.parent / "outputs" / "Lab6.html").read_text("utf-8")
    assert "Title" in page and "data:image/png;base64,aGk=" in page


def test_a_quick_run_leaves_the_hand_in_alone(book, tmp_path):
    before = book().read_bytes()
    module.main(["--quick", "--to", str(tmp_path / "quick.ipynb")])
    assert printed(tmp_path / "quick.ipynb") == "end True outputs/quick/\n"
    assert (tmp_path / "Lab6.ipynb").read_bytes() == before
    for arguments in (["--quick"], ["--quick", "--to", str(tmp_path / "Lab6.ipynb")]):
        with pytest.raises(SystemExit):
            module.main(arguments)


def test_a_bar_is_no_error_and_a_figure_has_a_text(book):
    source = "# Figure: a line\nimport sys, matplotlib\nprint('1/1 9it/s', file=sys.stderr)\n"
    path = book(
        source + "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    )
    module.main([])
    bar, figure = nbformat.read(path, 4).cells[-1].outputs
    assert bar.name == "stdout" and figure.metadata == {"image/png": {"alt": "a line"}}


def test_on_simulated_data_the_hand_in_stays(book, tmp_path, monkeypatch):
    before = book().read_bytes()
    monkeypatch.setattr(module, "look_at_all", lambda: ["X_test.csv: SIMULATED, not"])
    module.main([])
    assert printed(tmp_path / "outputs" / "stand-in" / "Lab6.ipynb") == "end False outputs/\n"
    assert (tmp_path / "Lab6.ipynb").read_bytes() == before


def test_an_edit_during_the_run_is_kept(book):
    path = book("from pathlib import Path; print(Path('Lab6.ipynb').write_text('edit'))")
    assert "was changed meanwhile" in module.main([])
    assert path.read_text() == "edit" and printed(path.with_name("Lab6.executed.ipynb")) == "4\n"


FAILURES = {
    "print('so far')\n1 / 0": r"in cell 3 \(print\('so far'\)\): ZeroDivisionError: .*division",
    "print('so far', flush=True)\nimport os, time; time.sleep(1); os._exit(9)": "cell 3 .*Kernel",
}


@pytest.mark.parametrize("source", FAILURES)
def test_a_failure_names_the_cell_and_keeps_what_was_printed(book, source):
    path = book(source)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=FAILURES[source]) as error:
        module.main([])
    assert "\n" not in str(error.value) and path.read_bytes() == before
    assert "so far" in printed(path.with_name("Lab6.failed.ipynb"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no kernel")])
def test_what_stops_it_before_the_first_cell_is_a_sentence(book, monkeypatch, error):
    def stop(self):
        raise error

    book()
    monkeypatch.setattr(module.NotebookClient, "execute", stop)
    with pytest.raises(ValueError, match="^the kernel did not start: (interrupted|no kernel)$"):
        module.main([])


def test_a_bad_target_is_found_before_the_run(book, monkeypatch, tmp_path):
    book()
    monkeypatch.setattr(module.NotebookClient, "execute", lambda self: pytest.fail("it ran"))
    (tmp_path / "mine.ipynb").write_text("mine")
    for to in (
        tmp_path,
        tmp_path / "report.txt",
        tmp_path / "no" / "a.ipynb",
        tmp_path / "mine.ipynb",
    ):
        with pytest.raises(ValueError, match=r"--to .*expected a"):
            module.main(["--to", str(to)])
    assert (tmp_path / "mine.ipynb").read_text() == "mine"
