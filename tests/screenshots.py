"""Pictures of every page with real state: ``python -m tests.screenshots FOLDER``.

A Hub on loopback serves well-known models with true shapes; the starter model (where it is here) is quantized and three
versions of it answer a prompt. Nothing of the user's is touched: data, cache and Hub cache lie in a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

PROMPT = "Write a Python function that counts the vowels in a string. Explain it in one sentence."
QUANT_TYPES = ("Q4_0", "Q3_K_M", "Q2_K")


def main(folder: Path) -> int:
    """Set the stage, then draw."""
    starter = os.environ.get("GARDEN_TEST_STARTER")
    with tempfile.TemporaryDirectory(prefix="garden-stage-") as stage:
        # Before the first import of what reads them.
        os.environ.update(
            GARDEN_DATA_DIR=f"{stage}/data",
            GARDEN_CACHE_DIR=f"{stage}/cache",
            HF_HOME=f"{stage}/hf",
            HF_HUB_CACHE=f"{stage}/hf/hub",
            PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring",
        )
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        from garden.core.paths import resource_path
        from tests.hubserver.catalogue import catalogue
        from tests.hubserver.server import HubServer

        with HubServer(catalogue(resource_path("catalogue/models.json"))) as hub:
            os.environ["HF_ENDPOINT"] = hub.endpoint
            pictures = _draw(folder, Path(starter) if starter else None)
    for picture in pictures:
        print(picture)
    return 0


def _draw(folder: Path, starter: Path | None) -> list[Path]:
    from garden.gui.application import make_application
    from garden.gui.page_pictures import draw_pages
    from garden.services.garden import Garden

    application = make_application()
    with Garden.open() as garden:
        garden.machine.refresh().result(60)
        if starter is not None:
            _act(garden, starter)
        return [Path(path) for path in draw_pages(application, garden, folder)]


def _act(garden: object, starter: Path) -> None:
    """Quantize the starter, measure the loss, and let three versions answer."""
    import dataclasses

    from garden.core.conversation import Mode
    from garden.services import starter as starter_model
    from garden.services.garden import Garden

    assert isinstance(garden, Garden)
    target = starter_model.starter_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(starter, target)
    base = garden.library.made(target)
    for quant_type in QUANT_TYPES:
        garden.workshop.quantize(base, quant_type, allow_requantize=True).result(300)
    garden.library.scan().result(60)
    quants = [garden.library.resolve(f"{base.ref.name}:{quant_type}") for quant_type in QUANT_TYPES]
    garden.workshop.quality(base, quants, windows=2).result(300)
    panes = []
    for entry in (base, quants[1], quants[2]):
        configuration = garden.compare.configuration_for(entry)
        sampling = dataclasses.replace(configuration.ask.sampling, temperature=0.0)
        panes.append(configuration.with_ask(sampling=sampling, max_tokens=160))
    conversation = garden.compare.new(panes, Mode.FAIR)
    garden.compare.ask(conversation.id, PROMPT, order_seed=1).result(300)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("screenshots")))
