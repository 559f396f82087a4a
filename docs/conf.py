"""How Sphinx builds these pages: ``sphinx-build -n -W -b dirhtml docs docs/_build``."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx import addnodes

sys.path.insert(0, str(Path(__file__).parent))

project = "Flask-ServerSession"
author = "The Flask-ServerSession maintainers"
copyright = author  # noqa: A001 - the name that Sphinx reads
release = version = version_of("Flask-ServerSession")

extensions = ["sphinx.ext.autodoc", "statements"]
exclude_patterns = ["_build"]
default_role = "code"
nitpicky = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 110

nitpick_ignore_regex = [
    # Other projects' names: their inventories are not fetched, so that a build needs no network.
    (r"py:.*", r"(?!flask_serversession\b).*\..*"),
    # Names in annotations that have no entry of their own.
    (r"py:class", r"(.*\.)?(BaseCache|Client|MongoClient|T|View)"),
]

#: Classes that the package makes itself: their entries have no signature.
MADE_BY_THE_PACKAGE = {"CookieSession", "SessionCookie", "SessionManager", "UserSession"}

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["fields.css"]
html_title = "Flask-ServerSession"
html_copy_source = False
html_show_sphinx = False


def setup(app):
    # `.. setting:: SESSION_STORE` marks a place, :setting:`SESSION_STORE` points to it.
    app.add_crossref_type("setting", "setting", indextemplate="pair: %s; setting")
    app.connect("autodoc-process-signature", drop_useless_signature)
    app.connect("object-description-transform", drop_abstract)


def drop_useless_signature(app, what, name, obj, options, signature, returns):
    """Leave out the signature of a class that no application calls, such as an error."""
    is_not_called = what == "class" and name.rpartition(".")[2] in MADE_BY_THE_PACKAGE
    is_empty = signature in ("(*args, **kwargs)", "(*args: Any, **kwargs: Any)")
    return ("", returns) if is_not_called or is_empty else (signature, returns)


def drop_abstract(app, domain, objtype, content):
    """Leave out that a method is abstract: no session or store that is met has one."""
    for annotation in list(content.parent.findall(addnodes.desc_annotation)):
        if annotation.astext().startswith("abstract"):
            del annotation[:2]
