"""A program that fetches what it is told until all of it is here; it is killed at any moment and started again.

python -m tests.torture.fetching OWNER/NAME:TYPE …

At its start it prints ``known ID …``, what the queue holds from before, and then ``begun ID`` for each download that
the queue took over.
"""

from __future__ import annotations

import json
import sys
import time

from garden.core.errors import GardenError
from garden.core.job_record import JobState
from garden.services.garden import Garden
from garden.services.target import parse_hub_target


def main(targets: list[str]) -> int:
    """Fetch; ends when everything arrived."""
    with Garden.open() as garden:
        # The library first: it tells the queue how downloads are made again.
        library, activity = garden.library, garden.activity
        records = activity.jobs()
        print("known", *(record.id for record in records), flush=True)
        queued = {json.loads(record.target)["repo_id"] for record in records}
        wanted = [target for target in map(parse_hub_target, targets) if target is not None]
        missing = [target for target in wanted if target.repo_id not in queued]
        while missing or any(record.state is not JobState.SUCCEEDED for record in activity.jobs()):
            for target in tuple(missing):
                try:
                    handle = library.download_target(target)
                except GardenError:
                    # The list of files has its faults too; it is asked again.
                    continue
                print("begun", handle.id, flush=True)
                missing.remove(target)
            for record in activity.jobs():
                if record.state in (JobState.PAUSED, JobState.FAILED):
                    activity.retry(record.id)
            time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
