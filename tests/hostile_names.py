"""Names of files and repositories as an attacker, or a careless publisher, writes them."""

from __future__ import annotations

#: File names that must never become a file, on any system.
HOSTILE_FILES: tuple[str, ...] = (
    # Out of the folder
    "..", "../m.gguf", "../../m.gguf", "../../../../../../../tmp/m.gguf", "a/../../m.gguf", "a/b/../../../m.gguf",
    "./m.gguf", "a/./m.gguf", "a/.", "a/..", "a//m.gguf", "a/", "/m.gguf", "/etc/passwd", "/root/.bashrc",
    "//host/m.gguf",
    "", "/", ".", "../snapshots/x/m.gguf", "../blobs/m.gguf", "../refs/main", "..\\m.gguf", "..\\..\\m.gguf",
    "a\\..\\m.gguf", "%2e%2e\\m.gguf",
    # Windows: drives, shares, devices, streams
    "C:/m.gguf", "C:m.gguf", "C:\\m.gguf", "c:m.gguf", "\\\\host\\share\\m.gguf", "\\\\?\\C:\\m.gguf",
    "\\\\.\\PhysicalDrive0",
    "//?/C:/m.gguf", "file:///etc/passwd", "CON", "con.gguf", "PRN.gguf", "aux.gguf", "nul", "NUL.gguf", "a/NUL.gguf",
    "nul.tar.gguf", "COM1.gguf", "com9", "COM¹.gguf", "lpt1.gguf", "LPT³", "CONIN$", "conout$.gguf", "NUL .gguf",
    "m.gguf:stream", "m.gguf::$DATA", "m.gguf:Zone.Identifier",
    # Ends that a system takes away
    "m.gguf.", "m.gguf..", "m.gguf ", "m.gguf. .", " m.gguf", "a./m.gguf", "a /m.gguf", "a/ m.gguf", "...",
    "....gguf.",
    # Characters that no name has everywhere
    "m?.gguf", "m*.gguf", "m|.gguf", "m<.gguf", "m>.gguf", 'm".gguf', "-\\-.gguf", "m\0.gguf", "m.gguf\0.txt",
    "m\n.gguf", "m\r.gguf", "m\t.gguf", "m\x1b[31m.gguf", "m\x7f.gguf", "m\x85.gguf",
    # Unseen: order, width, joins, marks
    "m\u202efugg.exe", "m\u202a.gguf", "m\u2066.gguf", "m\u200b.gguf", "m\u200d.gguf", "m\u2060.gguf", "\ufeffm.gguf",
    "m\u00ad.gguf", "m\u2028.gguf", "m\u2029.gguf", "m\u061c.gguf",
    # Too long, too deep
    "x" * 251 + ".gguf", "é" * 126 + ".gguf", "模" * 84 + ".gguf", "a/" * 16 + "m.gguf", "x" * 1025,
    "/".join(["d" * 200] * 6), "x" * 100_000,
)  # fmt: skip

#: Odd names that are files of that very name.
ODD_FILES: tuple[str, ...] = (
    "模型.gguf", "mоdel-with-a-cyrillic-o.gguf", "m🌱.gguf", "a b.gguf", "m%2e%2e%2fx.gguf", "m%00.gguf", "m#x.gguf",
    "m;ls.gguf",
    "$(id).gguf", "`id`.gguf", "m&x=y.gguf", "-rf.gguf", "--version.gguf", "~.gguf", "a/~root.gguf", ".hidden.gguf",
    "..m.gguf",
    "console.gguf", "com10.gguf", "m'.gguf", "m+x.gguf", "a/b/c/m.gguf", "x" * 250 + ".gguf", "{x}.gguf",
    "m,x=1.gguf",
)  # fmt: skip

#: Pairs that are one file on some systems.
SAME_FILES: tuple[tuple[str, str], ...] = (
    ("Model.gguf", "model.gguf"), ("A/m.gguf", "a/m.gguf"), ("m.GGUF", "m.gguf"), ("caf\u00e9.gguf", "cafe\u0301.gguf"),
    ("stra\u00dfe.gguf", "strasse.gguf"), ("\u212b.gguf", "\u00e5.gguf"), ("\u03c3.gguf", "\u03c2.gguf"),
)  # fmt: skip

#: Sets of shards that are none: each a list of names.
LYING_SHARDS: tuple[tuple[str, ...], ...] = (
    ("m-00001-of-00002.gguf",),
    ("m-00002-of-00002.gguf",),
    ("m-00003-of-00002.gguf", "m-00001-of-00002.gguf"),
    ("m-00000-of-00000.gguf",),
    ("m-00000-of-00001.gguf",),
    ("m-00001-of-00000.gguf",),
    ("m-99999-of-99999.gguf",),
    ("m-00001-of-99999.gguf",),
    ("m-00001-of-00002.gguf", "n-00002-of-00002.gguf"),
    ("a/m-00001-of-00002.gguf", "b/m-00002-of-00002.gguf"),
    ("m-00001-of-00002.gguf", "m-00002-of-00003.gguf"),
    ("m-00001-of-00002.gguf", "m-\u0660\u0660\u0660\u0660\u0662-of-00002.gguf"),
)

#: Names of repositories that are none.
HOSTILE_REPOSITORIES: tuple[str, ...] = (
    "", "/", "o", "o/", "/r", "o/r/x", "../r", "o/..", "../..", "./r", "o/.", "..%2f..%2fr/x", "/etc/passwd",
    "C:/r", "o\\r/x",
    "o/r\0", "o/r\n", "o/r ", " o/r", "o/r?x=1", "o/r#x", "o/r:main", "o/r@main", "o/r%00", "o/r.git", "o/r.",
    "o/r-", "-o/r",
    ".o/r", "o/a--b", "models--o/r", "o/a..b", "o/<b>r</b>", "o/r\u202e", "о/r", "o/rе",
    "o/" + "r" * 97, "https://o/r",
    "o/r\x1b[31m", "o/'r'",
)  # fmt: skip
