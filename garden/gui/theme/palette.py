"""The palette of both schemes, for everything that Qt draws by itself."""

from __future__ import annotations

from PySide6.QtGui import QPalette

from garden.gui.theme.theme import Theme

_ROLES = {
    QPalette.ColorRole.Window: "bg.window",
    QPalette.ColorRole.WindowText: "text.primary",
    QPalette.ColorRole.Base: "bg.surface",
    QPalette.ColorRole.AlternateBase: "bg.sunken",
    QPalette.ColorRole.Text: "text.primary",
    QPalette.ColorRole.PlaceholderText: "text.muted",
    QPalette.ColorRole.Button: "bg.raised",
    QPalette.ColorRole.ButtonText: "text.primary",
    QPalette.ColorRole.BrightText: "text.on_accent",
    QPalette.ColorRole.ToolTipBase: "bg.tooltip",
    QPalette.ColorRole.ToolTipText: "text.tooltip",
    QPalette.ColorRole.Highlight: "bg.selected",
    QPalette.ColorRole.HighlightedText: "text.primary",
    QPalette.ColorRole.Link: "text.link",
    QPalette.ColorRole.LinkVisited: "text.link",
    QPalette.ColorRole.Accent: "accent.base",
    QPalette.ColorRole.Light: "bg.raised",
    QPalette.ColorRole.Midlight: "border.subtle",
    QPalette.ColorRole.Mid: "border.default",
    QPalette.ColorRole.Dark: "border.strong",
    QPalette.ColorRole.Shadow: "border.strong",
}

_DISABLED_ROLES = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
)


def build_palette(theme: Theme) -> QPalette:
    """The palette of a theme."""
    palette = QPalette()
    for role, name in _ROLES.items():
        palette.setColor(role, theme.color(name))
    palette.setColor(QPalette.ColorGroup.Inactive, QPalette.ColorRole.Highlight, theme.color("bg.selected_inactive"))
    for role in _DISABLED_ROLES:
        palette.setColor(QPalette.ColorGroup.Disabled, role, theme.color("text.disabled"))
    return palette
