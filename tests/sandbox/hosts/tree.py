"""The folder that module attacks run in: ``scripts`` may be read, what lies beside it may not."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["planted"]

SECRETS = {
    "secret.lua": "return 'reached'",
    "secret.js": "module.exports = 'reached'",
    "secret.json": '"reached"',
    "secret/init.lua": "return 'reached'",
    "secret/index.js": "module.exports = 'reached'",
}
MODULES = {
    "fine.lua": "return {name = 'fine'}",
    "fine.js": "exports.name = 'fine'",
    "a.lua": "return require('b')",
    "b.lua": "return require('a')",
    "a.js": "exports.b = require('./b.js'); exports.seen = 'a'",
    "b.js": "exports.a = require('./a.js').seen === undefined",
    "loops.lua": "while true do end",
    "loops.js": "for (;;);",
    "endless.lua": "local n = ... return require(n)",
    "breaks.js": "}); globalThis.broken = 'reached'; (function () {",
    "not_text.lua": "\ufeffreturn 'x' .. \x00",
    ".hidden.lua": "return 'reached'",
    ".hidden.js": "module.exports = 'reached'",
    "big.lua": "return '" + "x" * 9_000_000 + "'",
    "big.js": "module.exports = '" + "x" * 9_000_000 + "'",
    "poison.lua": "string.format, pairs, _G.require = nil, nil, nil return 1",
    "poison.js": "globalThis.require = null; Object.prototype.toJSON = () => 'evil'",
    "Case.lua": "return 'Case'",
    "Case.js": "exports.name = 'Case'",
}


def planted(folder: Path) -> Path:
    """Make the tree below ``folder`` and return the folder of the scripts."""
    scripts = folder / "scripts"
    for place, files in ((folder, SECRETS), (scripts, MODULES)):
        for name, text in files.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for language in ("lua", "js"):
        (scripts / f"bytes.{language}").write_bytes(b"return '\xff\xfe'")
        (scripts / f"link.{language}").symlink_to(folder / f"secret.{language}")
        os.mkfifo(scripts / f"pipe.{language}")
        (scripts / f"folder.{language}").mkdir()
        (scripts / f"device.{language}").symlink_to("/dev/zero")
    (scripts / "bytecode.lua").write_bytes(b"\x1bLua" + bytes(40))
    (scripts / "out").symlink_to(folder)
    return scripts
