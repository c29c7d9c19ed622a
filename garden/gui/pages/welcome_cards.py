"""The cards of Welcome: the starter model, and what was found here."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.core.errors import GardenError
from garden.core.job_record import JobRecord
from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry
from garden.core.quantity import format_bytes, format_parameters
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library_table import place_word
from garden.gui.viewmodels.wording import license_name, short_hash
from garden.gui.widgets.button import Button
from garden.gui.widgets.card import Card, Divider
from garden.gui.widgets.label import Label
from garden.gui.widgets.progress_bar import ProgressBar
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.services import starter

_PADDING = 16


class _Letter(ThemedWidget):
    """The lettered square of a pane."""

    def __init__(self, theme: ThemeController, letter: str) -> None:
        super().__init__(theme)
        self._letter = letter
        self.setFixedSize(theme.theme.px(20), theme.theme.px(20))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        theme = self.look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(f"pane.{self._letter}"))
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setFont(theme.font("body", size=11.5, weight=700))
        painter.setPen(theme.color("pane.on"))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._letter)


class _ModelLine(QWidget):
    """A model that is here: letter, name, what it is, size."""

    def __init__(self, theme: ThemeController, letter: str) -> None:
        super().__init__()
        px = theme.theme.px
        self._name = Label(theme, style="strong", elide=Qt.TextElideMode.ElideRight)
        self._type = Label(theme, style="code", color="text.secondary")
        self._note = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._size = Label(theme, style="small", color="text.muted")
        first = QHBoxLayout()
        first.setSpacing(px(7))
        first.addWidget(self._name)
        first.addWidget(self._type)
        first.addStretch(1)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addLayout(first)
        texts.addWidget(self._note)
        self._note.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(_PADDING), px(9), px(_PADDING), px(9))
        row.setSpacing(px(10))
        row.addWidget(_Letter(theme, letter))
        row.addLayout(texts, 1)
        row.addWidget(self._size)

    def show_entry(self, entry: LibraryEntry) -> None:
        """Show a model."""
        self._name.setText(entry.ref.name)
        self._type.setText(entry.ref.quant_type or "")
        parts = [place_word(entry.origin)]
        if entry.parameters:
            parts.append(f"{format_parameters(entry.parameters)} parameters")
        if entry.decode_tokens_per_second is not None:
            parts.append(f"{entry.decode_tokens_per_second:.0f} tok/s")
        self._note.setText(" · ".join(parts))
        self._size.setText(format_bytes(entry.ref.size_bytes))
        for label in (self._name, self._type, self._note, self._size):
            label.updateGeometry()


class StarterCard(Card):
    """The starter model: fetched after consent, then ready to be tried.

    Signals:
        fetch_wanted: The user consents.
        cancel_wanted: The fetch is to stop.
        compare_wanted: Try what is here.
        find_wanted: Look for a model in Discover.
    """

    fetch_wanted = Signal()
    cancel_wanted = Signal()
    compare_wanted = Signal()
    find_wanted = Signal()

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.setObjectName("welcome.starter")
        px = theme.theme.px
        self._title = Label(theme, style="strong")
        self._title.setObjectName("starter.title")
        self._text = Label(theme, color="text.secondary", wrap=True)
        self._facts = Label(theme, style="small", color="text.muted", wrap=True)
        self._facts.setObjectName("starter.facts")
        self._problem = Label(theme, style="small", color="status.danger.fg", wrap=True)
        self._problem.setObjectName("starter.problem")
        self._models = (_ModelLine(theme, "A"), _ModelLine(theme, "B"))
        self._dividers = (Divider(theme), Divider(theme))
        self._progress = ProgressBar(theme)
        self._state = Label(theme, style="small", color="text.secondary")
        self._fetch = Button(theme, "Fetch it", icon="download", kind="primary", name="starter.fetch")
        self._cancel = Button(theme, "Cancel", name="starter.cancel")
        self._compare = Button(theme, "Try it", icon="compare", kind="primary", name="starter.compare")
        self._find = Button(theme, "Find a model", icon="discover", name="starter.find")
        texts = QVBoxLayout()
        texts.setContentsMargins(px(_PADDING), px(12), px(_PADDING), px(12))
        texts.setSpacing(px(3))
        for label in (self._title, self._text, self._facts, self._problem):
            texts.addWidget(label)
        self.column.addLayout(texts)
        for divider, model in zip(self._dividers, self._models, strict=True):
            self.column.addWidget(divider)
            self.column.addWidget(model)
        self.column.addWidget(Divider(theme))
        foot = QHBoxLayout()
        foot.setContentsMargins(px(_PADDING), px(12), px(_PADDING), px(12))
        foot.setSpacing(px(8))
        for widget in (self._fetch, self._compare, self._progress, self._state, self._cancel, self._find):
            foot.addWidget(widget)
        foot.addStretch(1)
        self.column.addLayout(foot)
        self._fetch.clicked.connect(self.fetch_wanted)
        self._cancel.clicked.connect(self.cancel_wanted)
        self._compare.clicked.connect(self.compare_wanted)
        self._find.clicked.connect(self.find_wanted)

    def show_models(self, models: Sequence[LibraryEntry], *, starter_is_here: bool) -> None:
        """Show what is here, at most two; say what the starter is where it is not."""
        if starter_is_here:
            self._title.setText("A real model is here already")
            self._text.setText(f"{starter.HONESTLY} From {starter.SOURCE}, hash checked.")
        else:
            self._title.setText("A real model for the first minute")
            self._text.setText(starter.HONESTLY)
        self._facts.setText(
            f"Model: {starter.NAME}\nSource: {starter.SOURCE}\nLicence: {license_name(starter.LICENSE)}\n"
            f"Size: {format_bytes(starter.SIZE_BYTES)}, {format_bytes(starter.DOWNLOAD_BYTES)} to fetch\n"
            f"SHA-256: {short_hash(starter.SHA256)}"
        )
        self._facts.setVisible(not starter_is_here)
        for number, (divider, line) in enumerate(zip(self._dividers, self._models, strict=True)):
            shown = number < len(models)
            divider.setVisible(shown)
            line.setVisible(shown)
            if shown:
                line.show_entry(models[number])
        self._compare.setVisible(bool(models))
        self._compare.set_text("Compare them" if len(models) > 1 else "Try it")
        self._fetch.setVisible(not starter_is_here)
        self._fetch.set_text(f"Fetch it, {format_bytes(starter.DOWNLOAD_BYTES)}")
        self._compare.set_kind("primary" if starter_is_here else "default")
        self._find.setVisible(starter_is_here or not models)

    def show_fetch(self, fetching: bool, job: JobRecord | None, problem: GardenError | None) -> None:
        """Show a fetch under way, or how it failed."""
        self._progress.setVisible(fetching)
        self._state.setVisible(fetching)
        self._cancel.setVisible(fetching)
        # There is room for two buttons; the rail leads to Discover too.
        self._find.setVisible(not fetching and (self._fetch.isHidden() or self._compare.isHidden()))
        if fetching:
            self._fetch.hide()
            fraction = job.fraction if job is not None else None
            self._progress.set_fraction(fraction or 0.0)
            self._state.setText(f"{fraction:.0%}" if fraction else "Starting")
        self._problem.setVisible(problem is not None)
        if problem is not None:
            self._problem.setText(f"{problem.sentence} {problem.action}".strip())
            self._fetch.set_text("Try again")


class _FoundLine(QWidget):
    """A place with models, and a button."""

    def __init__(self, theme: ThemeController, icon: str, button: Button) -> None:
        super().__init__()
        px = theme.theme.px
        self._icon = _Icon(theme, icon)
        self.title = Label(theme, weight=500, line=18, elide=Qt.TextElideMode.ElideRight)
        self.note = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        for label in (self.title, self.note):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            texts.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(_PADDING), px(10), px(12), px(10))
        row.setSpacing(px(12))
        row.addWidget(self._icon)
        row.addLayout(texts, 1)
        row.addWidget(button)

    def say(self, title: str, note: str) -> None:
        """Show what was found."""
        for label, text in ((self.title, title), (self.note, note)):
            label.setText(text)
            label.updateGeometry()


class _Icon(ThemedWidget):
    """A small icon."""

    def __init__(self, theme: ThemeController, name: str) -> None:
        super().__init__(theme)
        self._name = name
        self.setFixedSize(theme.theme.px(16), theme.theme.px(16))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        pixmap = self.look.pixmap(self._name, "text.secondary", 16, self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, pixmap)


class FoundCard(Card):
    """Models that are on this machine already.

    Signals:
        library_wanted: Show them.
        folder_wanted: Add a folder.
    """

    library_wanted = Signal()
    folder_wanted = Signal()

    def __init__(self, theme: ThemeController) -> None:
        super().__init__(theme)
        self.setObjectName("welcome.found")
        px = theme.theme.px
        head = QHBoxLayout()
        head.setContentsMargins(px(_PADDING), px(11), px(_PADDING), px(11))
        head.addWidget(Label(theme, "Found on this machine", style="strong"))
        self.column.addLayout(head)
        show = Button(theme, "Show", small=True, name="found.show", hint="Open the Library")
        add = Button(theme, "Add folder", small=True, name="found.addFolder")
        show.clicked.connect(self.library_wanted)
        add.clicked.connect(self.folder_wanted)
        self._cache = _FoundLine(theme, "library", show)
        self._folders = _FoundLine(theme, "folder", add)
        others = Button(theme, "Show", small=True, name="found.showOthers", hint="Open the Library")
        others.clicked.connect(self.library_wanted)
        self._others = _FoundLine(theme, "library", others)
        self._others_divider = Divider(theme)
        for divider, line in (
            (Divider(theme), self._cache),
            (self._others_divider, self._others),
            (Divider(theme), self._folders),
        ):
            self.column.addWidget(divider)
            self.column.addWidget(line)

    def show_found(self, found: Sequence[tuple[str, int, int]]) -> None:
        """Show where models were found: origin, how many, bytes."""
        by_origin = {origin: (count, size) for origin, count, size in found}
        count, size = by_origin.get("hub_cache", (0, 0))
        models = "1 model" if count == 1 else f"{count or 'no'} models"
        self._cache.say(f"Shared Hub cache, {models}", f"{format_bytes(size)}, used in place" if count else "empty")
        theirs = {name: by_origin[program] for program, name in PROGRAM_NAMES.items() if program in by_origin}
        self._others.setVisible(bool(theirs))
        self._others_divider.setVisible(bool(theirs))
        count, size = sum(count for count, _size in theirs.values()), sum(size for _count, size in theirs.values())
        models = "1 model" if count == 1 else f"{count} models"
        self._others.say(f"{', '.join(theirs)}, {models}", f"{format_bytes(size)}, read in place, never changed")
        count, size = by_origin.get("folder", (0, 0))
        if count:
            models = "1 model" if count == 1 else f"{count} models"
            self._folders.say(f"Added folders, {models}", f"{format_bytes(size)}, read in place, never changed")
        else:
            self._folders.say("GGUF files in other folders", "Read in place, never changed or copied")
