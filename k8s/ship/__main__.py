"""`python -m ship`: write everything that is generated."""

import sys

from ship.files import generated

for path, text in generated():
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
