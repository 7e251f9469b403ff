"""The notebook as a person runs it: JupyterLab in Chromium, Run All, a restart.

Needs Chromium and the `playwright` package; skipped with a word where one is missing.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from conftest import ROOT, bars, check_run, code_cells, printed

from tools.cells import NOTEBOOK

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
TIMEOUT = 240  # seconds for Run All in quick mode


@pytest.fixture
def project(tmp_path, quick):
    """A copy of the project in quick mode, without output, on simulated data."""
    skip = shutil.ignore_patterns(".*", "__pycache__", "*.np?", "*.csv")
    copy = shutil.copytree(ROOT, tmp_path / "lab", ignore=skip)
    shutil.copytree(quick / "data", copy / "data", dirs_exist_ok=True)
    notebook = nbformat.read(copy / "Lab6.ipynb", 4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace("QUICK = False", "QUICK = True")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, copy / "Lab6.ipynb")
    return copy


@pytest.fixture
def server(project):
    """The address of a JupyterLab that serves the copy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    command = [sys.executable, "-m", "jupyterlab", *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=project, **quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def saved_cells(page, path):
    """Save in the browser; return the code cells of the file."""
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    return code_cells(path)


def wait_for_all(page, path):
    """Wait until every code cell has run; return the cells, run in order and without error."""
    end = time.monotonic() + TIMEOUT
    cells = saved_cells(page, path)
    while cells[-1].execution_count != len(cells) and time.monotonic() < end:
        page.wait_for_timeout(3000)
        cells = saved_cells(page, path)
    check_run(cells)
    return cells


def shown(cells):
    """What the course's checks print, and how many pictures there are."""
    pictures = ["image/png" in o.get("data", {}) for cell in cells for o in cell.outputs]
    return [printed(cell) for cell in cells if "compare(" in cell.source], pictures.count(True)


def test_run_all_and_restart_in_a_browser(server, project):
    path = project / "Lab6.ipynb"
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        page.goto(f"{server}/lab/tree/Lab6.ipynb")
        page.locator(".jp-Notebook .jp-RenderedMarkdown h1").first.wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        page.locator(".jp-Notebook").click(position={"x": 5, "y": 300})
        for name in ("Run", "Run All Cells"):
            page.get_by_role("menuitem", name=name, exact=True).click()
        cells = wait_for_all(page, path)
        assert shown(cells) == shown(code_cells(NOTEBOOK))
        assert bars(cells)
        assert all(line.count("%|") == 1 for line in bars(cells))

        for name in ("Kernel", "Restart Kernel and Run All Cells…"):
            page.get_by_role("menuitem", name=name, exact=True).click()
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        assert shown(wait_for_all(page, path)) == shown(cells)
        browser.close()
