"""Child that renders a chat template, since a template is a program that somebody else wrote."""

from __future__ import annotations

from garden.core.conversation import ChatMessage
from garden.core.errors import GardenError
from garden.core.messages import Message
from garden.core.template_messages import RenderTemplate, TemplateInput, TemplateRendered
from garden.inference.chat_template import ChatTemplate
from garden.process.worker_channel import WorkerChannel, serve_one


def main() -> int:
    """Entry point of the child."""
    return serve_one(TemplateInput, _render)


def _render(request: Message, _channel: WorkerChannel[Message]) -> TemplateRendered:
    if not isinstance(request, RenderTemplate):
        raise GardenError("The template's child was asked for something else.")
    return TemplateRendered(
        text=ChatTemplate(request.source).render([ChatMessage(role="user", content=request.prompt)])
    )
