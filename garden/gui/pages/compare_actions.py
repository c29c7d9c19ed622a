"""What Compare opens above itself: menus, popovers, sheets; and what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from garden.core.conversation import Answer, ConversationSummary, Mode
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import LoadParameters
from garden.gui.pages.model_menu import open_model_menu
from garden.gui.viewmodels.compare import LETTERS, CompareViewModel
from garden.gui.viewmodels.export import ExportSource, ExportViewModel
from garden.gui.viewmodels.model_choice import full_name, likely_first
from garden.gui.widgets.markdown_blocks import split_blocks

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.gui.pages.conversation_menu import ConversationMenu
    from garden.gui.pages.export_sheet import ExportSheet
    from garden.gui.pages.run_settings import RunSettings
    from garden.gui.theme.theme import ThemeController
    from garden.services.garden import Garden


class CompareActions(QObject):
    """Opens what lies above the page.

    Args:
        garden: Services.
        pump: Brings their answers to the Qt thread.
        navigator: The window.
        theme: Where colours come from.
        page: The page, Qt parent.
        compare: What is shown.
    """

    def __init__(
        self,
        garden: Garden,
        pump: EventPump,
        navigator: Navigator,
        theme: ThemeController,
        page: QWidget,
        compare: CompareViewModel,
    ) -> None:
        super().__init__(page)
        self._navigator = navigator
        self._theme = theme
        self._page = page
        self._compare = compare
        self._exports = ExportViewModel(garden, pump, self)
        self._sheet: ExportSheet | None = None
        self._settings: tuple[RunSettings, str] | None = None
        self._conversations: ConversationMenu | None = None
        compare.shown.connect(self._on_shown)
        compare.pane_changed.connect(self._on_shown)
        compare.lists.conversations_changed.connect(self._on_conversations_changed)

    # --- models ---

    def open_models(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters]) -> None:
        """Begin a comparison; offer to add a single model to one that waits for its first prompt.

        Args:
            entries: The models.
            loads: How those at some paths are loaded.
        """
        compare, conversation = self._compare, self._compare.conversation
        if len(entries) != 1 or conversation is None or conversation.turns or len(compare.letters) == len(LETTERS):
            compare.open_entries(entries, loads)
            return
        entry, here = entries[0], [run.model for _letter, run in conversation.panes]
        load = loads.get(entry.ref.path or "")
        same = [run for _letter, run in conversation.panes if run.model.path == entry.ref.path]
        if any(load is None or run.load == load for run in same):
            # It is what was asked for already.
            return
        from garden.gui.question import Question

        question = Question(self._theme, self._page.window(), name="addQuestion")
        question.closed.connect(question.deleteLater)
        question.ask(
            "compare",
            f"Add {full_name(entry.ref)} to the comparison?",
            f"What is there waits for its first prompt: {', '.join(full_name(model) for model in here)}.",
            yes=("Add it", "primary", "plus"),
            no="Begin another",
            then=lambda: compare.add_pane(entry, load),
            otherwise=lambda: compare.open_entries(entries, loads),
        )

    def pick_model(
        self, anchor: QWidget, choose: Callable[[LibraryEntry], None], *, current_path: str | None = None
    ) -> None:
        """Offer the models on this machine."""
        conversation = self._compare.conversation
        taken = {run.model.path for _letter, run in conversation.panes} if conversation else set()
        first, others = likely_first(self._compare.lists.entries, self._navigator.model_at_hand(), taken)
        open_model_menu(self._theme, anchor, others, choose, self._find_models, first=first, current_path=current_path)

    @Slot()
    def _find_models(self) -> None:
        self._navigator.show_page("discover")

    # --- settings ---

    def open_settings(self, anchor: QWidget, letter: str, *, system: bool = False) -> None:
        """Open the settings of a pane, or of all (an empty letter).

        Args:
            anchor: The button that was pressed.
            letter: Whose.
            system: Begin with the system prompt.
        """
        from garden.gui.pages.run_settings import RunSettings

        if not self._compare.letters:
            return
        compare = self._compare
        # With a single pane its own are the settings of all.
        letter = letter or (compare.letters[0] if len(compare.letters) == 1 else "")
        popover = RunSettings(self._theme, anchor, compare.loads.options(letter) if letter else None)
        if popover.load is not None:
            popover.load.load_wanted.connect(lambda: compare.start_again(letter))
            popover.load.copied.connect(self.on_copied)
        self._settings = (popover, letter)
        popover.setting_changed.connect(self._on_setting_changed)
        popover.same_wanted.connect(self._on_same_wanted)
        popover.closed.connect(self._on_settings_closed)
        self._fill_settings()
        popover.open()
        if system:
            popover.focus_system_prompt()

    def _fill_settings(self) -> None:
        compare = self._compare
        if self._settings is None or not compare.letters:
            return
        popover, letter = self._settings
        of = letter or compare.letters[0]
        run = compare.configuration(of)
        if run is None:
            return
        several = len(compare.letters) > 1
        title = f"Settings of {letter}" if letter and several else "Settings of all panes" if several else "Settings"
        can_be_same = bool(letter) and letter != compare.letters[0]
        popover.show_run(title, run, can_be_same=can_be_same)
        if popover.load is not None:
            popover.load.show_pane(compare.pane(of), changing=compare.loads.changing)
        popover.set_changeable(not compare.answering)

    @Slot(str, object)
    def _on_setting_changed(self, name: str, value: float | str) -> None:
        if self._settings is not None:
            letter = self._settings[1]
            self._compare.adjust((letter,) if letter else self._compare.letters, name, value)

    @Slot()
    def _on_same_wanted(self) -> None:
        if self._settings is not None:
            self._compare.make_alike(self._settings[1])

    @Slot()
    def _on_settings_closed(self) -> None:
        self._settings = None

    # --- conversations ---

    def open_conversations(self, anchor: QWidget) -> None:
        """Open the list of conversations."""
        from garden.gui.pages.conversation_menu import ConversationMenu

        menu = self._conversations = ConversationMenu(self._theme, anchor)
        menu.search_changed.connect(self._compare.lists.search)
        menu.opened.connect(lambda summary: self._compare.open_conversation(summary.id))
        menu.rename_wanted.connect(lambda summary, title: self._compare.rename(summary.id, title))
        menu.delete_wanted.connect(self._on_delete_wanted)
        menu.new_wanted.connect(self._compare.begin_anew)
        menu.closed.connect(self._on_conversations_closed)
        self._on_conversations_changed()
        menu.open()

    @Slot()
    def _on_conversations_changed(self) -> None:
        if self._conversations is not None:
            lists, at_hand = self._compare.lists, self._compare.conversation
            self._conversations.show_rows(lists.conversations, at_hand.id if at_hand else "", lists.search_text)

    @Slot()
    def _on_conversations_closed(self) -> None:
        self._conversations = None
        if self._compare.lists.search_text:
            self._compare.lists.search("")

    @Slot(object)
    def _on_delete_wanted(self, summary: ConversationSummary) -> None:
        from garden.gui.question import Question

        if self._conversations is not None:
            self._conversations.dismiss()
        question = Question(self._theme, self._page.window(), name="deleteQuestion")
        question.closed.connect(question.deleteLater)
        question.ask(
            "trash",
            f"Delete “{summary.title}”?",
            "Its prompts and answers are gone for good. The models stay in the Library.",
            yes=("Delete", "danger", "trash"),
            no="Keep",
            then=lambda: self._compare.delete(summary.id),
            mood="danger",
        )

    # --- one pane ---

    def open_more(self, anchor: QWidget, letter: str) -> None:
        """Open the menu of a pane's further actions."""
        compare = self._compare
        pane = compare.pane(letter)
        idle = not compare.answering
        menu = QMenu(anchor)
        menu.setObjectName(f"pane.{letter}.menu")
        menu.setFont(self._theme.theme.font("body", size=12.5))
        code = _code_of(pane.text)
        can_answer = idle and compare.at_last_turn and compare.turn is not None
        can_copy = idle and len(compare.letters) < len(LETTERS)
        entries: tuple[tuple[str, bool, Callable[[], None]] | None, ...] = (
            ("Copy answer", bool(pane.text), lambda: self.copy_answer(letter)),
            ("Copy code", bool(code), lambda: self._copy(code, "The code")),
            ("Prompt as received …", pane.answer is not None, lambda: self.show_prompt(letter)),
            ("Export …", True, lambda: self.export(letter)),
            None,
            ("Answer again", can_answer, lambda: compare.answer_again(letter)),
            ("Duplicate pane", can_copy, lambda: compare.copy_pane(letter)),
            ("Remove pane", idle and len(compare.letters) > 1, lambda: compare.remove_pane(letter)),
        )
        for entry in entries:
            if entry is None:
                menu.addSeparator()
                continue
            title, usable, call = entry
            action = menu.addAction(title)
            action.setEnabled(usable)
            action.triggered.connect(lambda _checked=False, call=call: call())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(anchor.mapToGlobal(anchor.rect().bottomLeft()))

    @Slot(str)
    def copy_answer(self, letter: str) -> None:
        """Put a pane's answer on the clipboard, as the model wrote it."""
        self._copy(self._compare.pane(letter).text, f"The answer of {letter}")

    def _copy(self, text: str, what: str) -> None:
        if text:
            QGuiApplication.clipboard().setText(text)
            self._navigator.notify(f"{what} is on the clipboard.")

    @Slot(str)
    def show_prompt(self, letter: str) -> None:
        """Show the exact text that a pane's model received."""
        from garden.gui.pages.prompt_sheet import PromptSheet

        answer = self._compare.pane(letter).answer
        if answer is not None:
            sheet = PromptSheet(self._theme, self._page.window())
            sheet.copied.connect(self.on_copied)
            sheet.open_for(letter, answer)

    # --- export ---

    @Slot(str)
    def export(self, letter: str = "") -> None:
        """Open the export, with a pane's configuration first."""
        sources = [self._source(letter) for letter in self._compare.letters]
        if sources:
            self.export_sheet.open_for(sources, letter)

    def _source(self, letter: str) -> ExportSource:
        pane = self._compare.pane(letter)
        answer: Answer | None = pane.answer if pane.state in ("done", "failed") else None
        if answer is not None and answer.token_ids:
            return ExportSource(letter, answer.configuration, answer)
        return ExportSource(letter, pane.configuration)

    @property
    def export_sheet(self) -> ExportSheet:
        """The sheet, made when it is first needed."""
        from garden.gui.pages.export_sheet import ExportSheet

        if self._sheet is None:
            self._sheet = ExportSheet(self._theme, self._page.window(), self._exports)
            self._sheet.copied.connect(self.on_copied)
        return self._sheet

    # --- commands ---

    def commands(self, title: QWidget, add: QWidget) -> Sequence[tuple[str, str, Callable[[], None]]]:
        """What can be done now, for the palette.

        Args:
            title: Anchor of the list of conversations.
            add: Anchor of the menu of models.
        """
        compare = self._compare
        conversation = compare.conversation
        found: list[tuple[str, str, Callable[[], None]]] = []
        if conversation is None:
            return found
        if compare.answering:
            return [("Stop all panes", "Esc", compare.stop)]
        found.append(("New conversation with these models", "", compare.begin_anew))
        found.append(("Conversations …", "", lambda: self.open_conversations(title)))
        if len(compare.letters) < len(LETTERS):
            found.append(("Add a model to the comparison …", "", lambda: self.pick_model(add, compare.add_pane)))
        if len(compare.letters) > 1:
            other = Mode.RELAY if conversation.mode is Mode.FAIR else Mode.FAIR
            found.append((f"Answer in {other.value} mode", "", lambda: compare.set_mode(other)))
        found.append(("Export …", "", self.export))
        return found

    @Slot()
    def _on_shown(self) -> None:
        self._fill_settings()

    @Slot()
    def on_copied(self) -> None:
        """Say that something was copied."""
        self._navigator.notify("The text is on the clipboard.")


def _code_of(answer: str) -> str:
    """The code blocks of an answer, one below the other."""
    return "\n\n".join(block.text for block in split_blocks(answer) if block.kind == "code")
