"""Whether the machine runs on its battery, which makes many of them slower."""

from __future__ import annotations

import psutil


def on_battery() -> bool:
    """False as well where there is no battery, or the system does not say."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, RuntimeError):
        # psutil lacks the function on some systems, and some drivers answer with errors.
        return False
    return battery is not None and battery.power_plugged is False
