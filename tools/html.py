"""The notebook as one HTML file that asks nothing of a network, for readers without Jupyter.

Mathematics becomes MathML, which browsers draw themselves; nbconvert's own page would fetch a
program for it. A table of contents stands on top, on a wide screen beside the text.
"""

import re
from copy import deepcopy
from html import unescape

from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html_mistune

# The page's blocks that would load scripts from elsewhere.
BLOCKS = ("html_head_js_requirejs", "html_head_js_mathjax", "html_head_js_mermaidjs")
HEAD = """<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
.jp-RenderedMarkdown pre { font-family: monospace }
.jp-RenderedMarkdown summary, .contents summary { cursor: pointer; font-weight: bold }
.contents { font: 14px/1.5 system-ui, sans-serif; margin: 1em 1em 0 }
.contents a { color: #0072B2; display: block; text-decoration: none }
.contents a.h3 { padding-left: 1.2em }
math[display="block"] { overflow-x: auto }
@media (max-width: 700px) { /* a phone */
  body.jp-Notebook { padding: 0 4px }
  .jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none }
  .jp-CodeMirrorEditor pre, .jp-OutputArea-output pre { font-size: 11px; overflow-x: auto }
}
@media (min-width: 1500px) { /* room beside the text */
  body.jp-Notebook { margin-left: 320px; max-width: 1100px }
  .contents { margin: 12px; overflow-y: auto; position: fixed; inset: 0 auto 0 0; width: 290px }
}
</style>"""
TEMPLATE = (
    "{% extends 'lab/index.html.j2' %}"
    + "".join(f"{{% block {name} %}}{{% endblock %}}" for name in BLOCKS)
    + f"{{% block html_head_css %}}{{{{ super() }}}}{HEAD}{{% endblock %}}"
)
HEADING = re.compile(r'<(h[23]) id="([^"]+)">(.+?)<a class="anchor-link"')
MATH = re.compile(
    r"<code>.*?</code>|\$\$(?P<block>.+?)\$\$|\$(?P<inline>.+?)\$",
    re.DOTALL,
)


def to_html(notebook):
    """Return the executed `notebook` (nbformat.NotebookNode) as the text of an HTML page."""
    notebook = deepcopy(notebook)
    for cell in notebook.cells:  # a diagram that is attached to its text goes into the page
        for name, data in cell.get("attachments", {}).items():
            picture = f"data:image/png;base64,{data['image/png']}"
            cell.source = cell.source.replace(f"attachment:{name}", picture)
    exporter = HTMLExporter(raw_template=TEMPLATE)
    exporter.register_filter("markdown2html", _markdown)
    page = exporter.from_notebook_node(notebook)[0]
    links = (f'<a class="{h}" href="#{name}">{text}</a>' for h, name, text in HEADING.findall(page))
    contents = f'<nav class="contents"><details open><summary>Contents</summary>{"".join(links)}'
    return re.sub(r"<body[^>]*>", rf"\g<0>{contents}</details></nav>", page, count=1)


def _markdown(source):
    return MATH.sub(_typeset, markdown2html_mistune(source))


def _typeset(match):
    latex = match["block"] or match["inline"]
    if latex is None:  # code, where a dollar is a dollar
        return match[0]
    return convert(unescape(latex), display="block" if match["block"] else "inline")
