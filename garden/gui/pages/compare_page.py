"""The Compare page: one prompt, up to four models beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from garden.core.conversation import Mode
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import LoadParameters
from garden.gui.pages.answer_strip import AnswerStrip
from garden.gui.pages.compare_actions import CompareActions
from garden.gui.pages.compare_load import CompareLoad
from garden.gui.pages.pane_row import PaneRow
from garden.gui.pages.turn_bar import TurnBar
from garden.gui.viewmodels.compare import ALONE, LETTERS, MODE_MEANINGS, CompareViewModel
from garden.gui.viewmodels.model_choice import full_name
from garden.gui.viewmodels.pane_state import answer_facts
from garden.gui.viewmodels.relay_plan import planned_bytes
from garden.gui.viewmodels.run_difference import summary
from garden.gui.widgets.announcement import announce
from garden.gui.widgets.button import Button, Kind
from garden.gui.widgets.composer import Composer
from garden.gui.widgets.label import Label
from garden.gui.widgets.page_header import PageHeader, Toolbar
from garden.gui.widgets.pane_header import TextButton
from garden.gui.widgets.segmented_control import SegmentedControl
from garden.gui.widgets.state_view import StateView

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden

#: Figures at the foot of panes move this often while panes answer.
_FIGURES_MS = 250

_ORDERS = {Mode.FAIR: "shuffled, so that none is always first", Mode.RELAY: "one after the other"}

_HOW_MANY = {1: "", 2: "both", 3: "all three", 4: "all four"}


class ComparePage(QWidget):
    """The page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.
    """

    def __init__(self, garden: Garden, pump: EventPump, navigator: Navigator, theme: ThemeController) -> None:
        super().__init__()
        self.setObjectName("page")
        self._theme = theme
        self._navigator = navigator
        self._begun = False
        self._sent = ""
        self._busy: set[str] = set()
        self.compare = CompareViewModel(garden, pump, self)
        self.header = PageHeader(theme, "Compare")
        self._slash = Label(theme, "/", color="text.muted")
        self._title = TextButton(theme, name="compare.conversation", label="Conversation", weight=500)
        self._toolbar = Toolbar(theme)
        self._mode = SegmentedControl(
            theme,
            [(Mode.FAIR.value, "Fair"), (Mode.RELAY.value, "Relay")],
            name="compare.mode",
            label="How panes share the machine",
        )
        self._meaning = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self._meaning.setObjectName("compare.meaning")
        self._add = Button(theme, "Add model", icon="plus", name="compare.add", hint="Add a pane with another model")
        self._export = Button(theme, "Export", icon="export", name="compare.export")
        self.load = CompareLoad(theme, self.compare, self)
        self.turn = TurnBar(theme)
        self.panes = PaneRow(theme)
        self.strip = AnswerStrip(theme)
        self.composer = Composer(theme)
        self._empty = StateView(theme, name="compare.empty")
        self._stack = QStackedWidget()
        self._talk = QWidget()
        self._figures = QTimer(self)
        self._figures.setInterval(_FIGURES_MS)
        self.actions_of = CompareActions(garden, pump, navigator, theme, self, self.compare)
        self._build()
        self._connect()
        self._show_all()

    def _build(self) -> None:
        self.header.add(self._slash)
        self.header.add(self._title)
        row = self._toolbar.row
        row.addWidget(self._mode)
        row.addWidget(self._meaning)
        row.addStretch(1)
        row.addWidget(self.load.switch)
        row.addWidget(self._add)
        row.addWidget(self._export)
        talk = QVBoxLayout(self._talk)
        talk.setContentsMargins(0, 0, 0, 0)
        talk.setSpacing(0)
        for widget in (self._toolbar, self.load.bar, self.turn):
            talk.addWidget(widget)
        talk.addWidget(self.panes, 1)
        talk.addWidget(self.strip)
        talk.addWidget(self.composer)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._talk)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._stack, 1)

    def _connect(self) -> None:
        compare, actions = self.compare, self.actions_of
        compare.shown.connect(self._show_all)
        compare.pane_changed.connect(self._on_pane_changed)
        compare.text_added.connect(self._on_text_added)
        compare.said.connect(self._on_said)
        compare.lists.library_changed.connect(self._show_empty)
        compare.lists.conversations_changed.connect(self._show_empty)
        self._title.clicked.connect(lambda: actions.open_conversations(self._title))
        self._mode.chosen.connect(lambda key: compare.set_mode(Mode(key)))
        self._add.clicked.connect(lambda: actions.pick_model(self._add, compare.add_pane))
        self._export.clicked.connect(self._on_export)
        self.turn.turn_wanted.connect(compare.show_turn)
        self.turn.edit_wanted.connect(self._on_edit_wanted)
        self.panes.model_wanted.connect(self._on_model_wanted)
        self.panes.settings_wanted.connect(self._on_settings_wanted)
        self.panes.more_wanted.connect(self._on_more_wanted)
        self.panes.stop_wanted.connect(compare.stop)
        self.panes.again_wanted.connect(compare.start_again)
        self.panes.copy_wanted.connect(actions.copy_answer)
        self.panes.prompt_wanted.connect(actions.show_prompt)
        self.panes.export_wanted.connect(actions.export)
        self.strip.stop_wanted.connect(self._on_stop_all)
        self.composer.sent.connect(self._on_sent)
        self.composer.stop_wanted.connect(self._on_stop_all)
        self.composer.settings_wanted.connect(lambda: actions.open_settings(self.composer.settings, ""))
        self.composer.system_wanted.connect(lambda: actions.open_settings(self.composer.system, "", system=True))
        self.load.toggled.connect(self._show_all)
        self.load.copied.connect(actions.on_copied)
        self._figures.timeout.connect(self._on_figures)
        for keys, call in (("Esc", self._on_stop_all), ("Ctrl+Return", self._on_send_key)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)

    # --- what the window asks ---

    def open_entries(self, entries: Sequence[LibraryEntry]) -> None:
        """Begin a conversation with one pane per model, or offer to add to the one that is not asked yet."""
        self.compare_models(entries, {})

    def compare_models(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters]) -> None:
        """As ``open_entries``, with models that are loaded as was chosen, by path."""
        # First: a question that opens takes the focus.
        self.composer.setFocus()
        self.actions_of.open_models(entries, loads)

    def open_conversation(self, conversation_id: str) -> None:
        """Show a kept conversation."""
        self.compare.open_conversation(conversation_id)

    def commands(self) -> Sequence[tuple[str, str, Callable[[], None]]]:
        """What the palette can do here now."""
        return [*self.actions_of.commands(self._title, self._add), *self.load.commands()]

    def showEvent(self, event: QShowEvent) -> None:
        """Read the lists when the page is first looked at."""
        super().showEvent(event)
        self._plan_memory()
        if not self._begun:
            self._begun = True
            self.compare.lists.load()

    # --- showing ---

    @Slot()
    def _show_all(self) -> None:
        compare = self.compare
        conversation = compare.conversation
        here = conversation is not None
        self._stack.setCurrentWidget(self._talk if here else self._empty)
        for widget in (self._slash, self._title):
            widget.setVisible(here or bool(compare.lists.conversations))
        self._title.set_parts(conversation.title if conversation else "Conversations")
        if conversation is None:
            self._figures.stop()
            self._show_empty()
            return
        self._mode.set_current(conversation.mode.value)
        several = len(conversation.panes) > 1
        self._meaning.setText(MODE_MEANINGS[conversation.mode] if several else ALONE)
        self._mode.setVisible(several)
        self.turn.show_turn([turn.prompt for turn in conversation.turns], compare.turn_number)
        self.panes.set_letters(compare.letters)
        self.load.show_panes()
        for letter in compare.letters:
            self._show_pane(letter)
        self._show_strip()
        self._show_composer()
        self._plan_memory()

    @Slot()
    def _show_empty(self) -> None:
        lists = self.compare.lists
        if self.compare.conversation is not None or not lists.loaded:
            return
        self._title.setVisible(bool(lists.conversations))
        self._slash.setVisible(bool(lists.conversations))
        if not lists.entries:
            self._empty.show_state(
                "compare",
                "No model on this machine yet",
                "Download one from the Hub, or add a folder with GGUF files in the Library.",
                actions=(
                    ("Find a model", "primary", "discover", self._on_find_wanted),
                    ("Open Library", "default", "library", lambda: self._navigator.show_page("library")),
                ),
            )
            return
        actions: list[tuple[str, Kind, str | None, Callable[[], None]]] = [
            ("Choose a model", "primary", "plus", self._on_pick_first)
        ]
        if lists.conversations:
            actions.append(("Last conversation", "default", "clock", self._on_last_conversation))
        text = "Ask one model, or up to four the same thing and see them side by side."
        self._empty.show_state("compare", "Nothing to compare yet", text, actions=tuple(actions))

    def _show_pane(self, letter: str) -> None:
        pane = self.panes.pane(letter)
        if pane is None:
            return
        state = self.compare.pane(letter)
        pane.want_memory(self.load.shown)
        pane.show_pane(state)
        pane.set_changeable(not self.compare.answering)
        if state.busy:
            self._busy.add(letter)
        elif letter in self._busy:
            self._busy.discard(letter)
            said = state.error or ("has answered" if state.text else "was stopped")
            announce(
                pane, f"Pane {letter}, {full_name(state.configuration.model)}: {said}", urgent=state.error is not None
            )

    def _plan_memory(self) -> None:
        """Show what the panes will take in the meter, until they are asked and take it."""
        if not self.isVisible():
            return
        compare = self.compare
        conversation = compare.conversation
        if conversation is None or compare.turn is not None:
            self._navigator.plan_memory(0, 0)
            return
        forecasts = [compare.pane(letter).forecast for letter in compare.letters]
        self._navigator.plan_memory(*planned_bytes(forecasts, relay=conversation.mode is Mode.RELAY))

    def _show_strip(self) -> None:
        compare = self.compare
        turn, conversation = compare.turn, compare.conversation
        self.strip.setVisible(turn is not None)
        if turn is None or conversation is None:
            return
        if len(turn.order) == 1:
            answer = compare.pane(turn.order).answer if turn.order in compare.letters else None
            how = answer_facts(answer) if answer is not None else ""
        else:
            how = _ORDERS[conversation.mode]
        self.strip.show_turn(turn.order, how, compare.progress, answering=compare.answering)
        if compare.answering and not self._figures.isActive():
            self._figures.start()

    def _show_composer(self) -> None:
        compare = self.compare
        count = len(compare.letters)
        run = compare.configuration(compare.letters[0]) if count else None
        if run is None:
            return
        many = _HOW_MANY[count]
        self.composer.set_target(f"Ask {many}…" if many else f"Ask {run.model.name}…", f"Ask {many}" if many else "Ask")
        self.composer.set_usable(not compare.answering, "The panes are answering; stop them first or wait.")
        self.composer.system.set_text("System: set" if run.ask.system_prompt else "System: none")
        self.composer.settings.set_text(summary(run))
        self._add.setVisible(count < len(LETTERS))
        self._add.set_usable(not compare.answering, "A pane can be added when the others have answered.")
        self._mode.setEnabled(not compare.answering)

    @Slot(str)
    def _on_pane_changed(self, letter: str) -> None:
        self._show_pane(letter)
        for other in self.compare.letters:
            # What a waiting pane waits for has changed too.
            if other != letter and other in self._busy:
                self._show_pane(other)
        self.load.show_panes()
        self._show_strip()
        self._plan_memory()

    @Slot(str, str)
    def _on_text_added(self, letter: str, text: str) -> None:
        pane = self.panes.pane(letter)
        if pane is not None and pane.streams:
            pane.add_text(text)
        else:
            self._show_pane(letter)

    @Slot()
    def _on_figures(self) -> None:
        compare = self.compare
        if not compare.answering:
            self._figures.stop()
            self._show_all()
            return
        for letter in self._busy & set(compare.letters):
            pane = self.panes.pane(letter)
            if pane is not None:
                pane.foot.set_figures(compare.pane(letter).figures)

    @Slot(str, str)
    def _on_said(self, sentence: str, action: str) -> None:
        self._navigator.notify(sentence, action)
        if self._sent and not self.composer.text:
            # What was refused is not lost.
            self.composer.set_text(self._sent)
        self._sent = ""

    # --- doing ---

    @Slot(str)
    def _on_sent(self, prompt: str) -> None:
        if not self.compare.answering:
            self._sent = prompt
            self.composer.clear()
            self.compare.ask(prompt)

    @Slot()
    def _on_send_key(self) -> None:
        if self.composer.text.strip():
            self._on_sent(self.composer.text)
        else:
            self.composer.setFocus()

    @Slot()
    def _on_stop_all(self) -> None:
        self.compare.stop()

    @Slot()
    def _on_edit_wanted(self) -> None:
        self.composer.set_text(self.turn.prompt)
        self.composer.setFocus()

    @Slot()
    def _on_export(self) -> None:
        self.actions_of.export()

    @Slot(str)
    def _on_model_wanted(self, letter: str) -> None:
        pane, run = self.panes.pane(letter), self.compare.configuration(letter)
        if pane is not None and run is not None:
            self.actions_of.pick_model(
                pane.header.model, lambda entry: self.compare.swap_model(letter, entry), current_path=run.model.path
            )

    @Slot(str)
    def _on_settings_wanted(self, letter: str) -> None:
        pane = self.panes.pane(letter)
        if pane is not None:
            self.actions_of.open_settings(pane.header.settings, letter)

    @Slot(str)
    def _on_more_wanted(self, letter: str) -> None:
        pane = self.panes.pane(letter)
        if pane is not None:
            self.actions_of.open_more(pane.header.more, letter)

    @Slot()
    def _on_pick_first(self) -> None:
        anchor = self._empty.findChild(Button, "compare.empty.action1")
        self.actions_of.pick_model(anchor or self, self.compare.add_pane)

    @Slot()
    def _on_find_wanted(self) -> None:
        self._navigator.show_page("discover")

    @Slot()
    def _on_last_conversation(self) -> None:
        conversations = self.compare.lists.conversations
        if conversations:
            self.compare.open_conversation(conversations[0].id)
