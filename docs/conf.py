"""How the site is built: Sphinx reads the Markdown where it lies, beside the code that it is about.

``make docs`` builds it. Nothing is fetched, at build or by the reader's browser.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project = "Consigne"
project_copyright = "the authors of Consigne"
version = release = next(
    line.split('"')[1]
    for line in (ROOT / "firmware/locker/__init__.py").read_text(encoding="utf-8").splitlines()
    if line.startswith("VERSION")
)

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "firmware/**.md",
    "hardware/**.md",
    "host_tools/**.md",
    "tests/**.md",
]
exclude_patterns = [".*", "build", "typings"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # a link to a heading leads there, as it does on a forge

highlight_language = "none"  # a block without a language is commands and what they do

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_title = f"Consigne {release}"
html_extra_path = ["site"]  # index.html, which leads to docs/index.html
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def setup(app: "Sphinx") -> None:
    # A forge draws these diagrams; here they are read as text, and the table below each says the same.
    app.add_lexer("mermaid", TextLexer)
