"""One start of the window, for the benchmark; imports nothing that Garden's own command does not."""

from __future__ import annotations


def start_and_quit() -> None:
    """Open Garden as its command does; say when Discover's rows are painted; quit when the Hub has answered, too."""
    import garden.__main__  # the way in of the command `garden`, and part of its start
    import garden.cli.window
    from garden.gui.application import make_application, make_window, prepare_garden
    from garden.gui.display import display_problem

    assert garden.__main__.WORKERS
    garden.cli.window.use_utf8()
    assert display_problem() is None
    services = prepare_garden()
    application = make_application()
    window, _theme = make_window(application, services)

    from PySide6.QtCore import QTimer

    from garden.gui.first_paint import FirstPaint
    from garden.gui.pages.discover_page import DiscoverPage

    window.show_page("discover")
    page = window.page("discover")
    assert isinstance(page, DiscoverPage)
    said: list[str] = []

    def tell() -> None:
        if page.search.models.rowCount() > 0 and not said:
            said.append("painted")
            print("painted", flush=True)
        quit_when_done()

    def quit_when_done() -> None:
        if page.search.answered:
            if said:
                application.quit()
            else:
                FirstPaint(page, tell)
                page.update()

    # The window is painted first and its children with it: what this calls comes before everything else that waits.
    FirstPaint(window, tell)
    window.show()
    page.search.changed.connect(quit_when_done)
    QTimer.singleShot(20_000, application.quit)
    application.exec()
    window.dismiss()
    services.close()
