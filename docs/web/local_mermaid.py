"""Hooks of MkDocs: pages with a Mermaid picture load Mermaid from the site itself, not from elsewhere.

The script comes from npm (`npm ci --prefix docs/web`). Without it, the theme loads Mermaid from a public address.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
PLACE = "assets/javascripts/mermaid.min.js"


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Return the page, with the script in its head if it has a picture."""
    del config
    if not SCRIPT.exists() or 'class="mermaid"' not in output:
        return output
    up = "../" * page.url.count("/")
    return output.replace("</head>", f'<script defer src="{up}{PLACE}"></script></head>', 1)


def on_post_build(config: Any) -> None:
    """Copy the script into the site."""
    if SCRIPT.exists():
        shutil.copyfile(SCRIPT, Path(config["site_dir"]) / PLACE)
