"""Every torture at its full count: ``make torture``; takes tens of minutes."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture.moving import MoveTorture
from tests.torture.transfers import TransferTorture


def main() -> int:
    """Run it; 0 when nothing was lost or damaged."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of transfers")
    parser.add_argument("--move-kills", type=int, default=40, help="of moves of a folder, each: renamed, and copied")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="garden-torture-") as folder:
        report = TransferTorture(Path(folder), options.kills, options.seed).run()
    print(
        f"transfers: {report.kills} kills and {report.faults} faults of the Hub in {report.seconds:.0f} s; "
        f"{len(report.corrupt)} files visible with wrong bytes, {len(report.lost)} downloads lost from the queue, "
        f"{len(report.missing)} never arrived; {report.share_sent:.2f} bytes sent for each byte "
        f"({report.size_bytes / 1e6:.0f} MB)"
    )
    clean = report.is_clean
    for may_rename, how in ((True, "renamed"), (False, "copied")):
        with tempfile.TemporaryDirectory(prefix="garden-torture-") as folder:
            moved = MoveTorture(Path(folder), options.move_kills, options.seed, may_rename=may_rename).run()
        print(
            f"moves, files {how}: {moved.kills} kills and {moved.moves} whole moves in {moved.seconds:.0f} s; "
            f"{len(moved.lost)} files lost, {len(moved.corrupt)} with wrong bytes, {len(moved.left)} parts left"
        )
        clean = clean and moved.is_clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
