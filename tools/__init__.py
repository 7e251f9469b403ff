"""What the lab needs but does not teach.

Helpers that the notebook, the layers and the data import: checks, files, grading, model, notebook,
plots, signals. Programs, run as `python -m tools.NAME`: evidence, make_template, report, run,
score, submit, tables; handin, html, program and unpickle are parts of them. `naive` is the lab once
more, as plain as can be, to test against.
"""
