"""Messages to and from the child that renders one chat by an untrusted template."""

from __future__ import annotations

from garden.core.messages import Cancel, Failed, Message


class RenderTemplate(Message, frozen=True, kw_only=True):
    """Render a prompt, alone in its chat.

    Attributes:
        source: Jinja text.
        prompt: What the user would have written.
    """

    source: str
    prompt: str


class TemplateRendered(Message, frozen=True, kw_only=True):
    """Result.

    Attributes:
        text: What the model would receive.
    """

    text: str


TemplateInput = RenderTemplate | Cancel
TemplateOutput = TemplateRendered | Failed
