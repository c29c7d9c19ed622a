"""The Compare page: one prompt, up to four models beside each other."""

from __future__ import annotations
