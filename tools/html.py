"""The notebook as one HTML file that asks nothing of a network, for readers without Jupyter.

Mathematics becomes MathML, which browsers draw themselves; nbconvert's own page would fetch a
program for it.
"""

import re
from html import unescape

from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html_mistune

# The page's blocks that would load scripts from elsewhere.
BLOCKS = ("html_head_js_requirejs", "html_head_js_mathjax", "html_head_js_mermaidjs")
STYLE = "<style>.jp-RenderedMarkdown pre { font-family: monospace }</style>"
TEMPLATE = (
    "{% extends 'lab/index.html.j2' %}"
    + "".join(f"{{% block {name} %}}{{% endblock %}}" for name in BLOCKS)
    + f"{{% block html_head_css %}}{{{{ super() }}}}{STYLE}{{% endblock %}}"
)
MATH = re.compile(
    r"<code>.*?</code>|\$\$(?P<block>.+?)\$\$|\$(?P<inline>.+?)\$",
    re.DOTALL,
)


def to_html(notebook):
    """Return the executed `notebook` (nbformat.NotebookNode) as the text of an HTML page."""
    exporter = HTMLExporter(raw_template=TEMPLATE)
    exporter.register_filter("markdown2html", _markdown)
    return exporter.from_notebook_node(notebook)[0]


def _markdown(source):
    return MATH.sub(_typeset, markdown2html_mistune(source))


def _typeset(match):
    latex = match["block"] or match["inline"]
    if latex is None:  # code, where a dollar is a dollar
        return match[0]
    return convert(unescape(latex), display="block" if match["block"] else "inline")
