"""What a calibration says, as text and as JSON."""

from __future__ import annotations

from garden.core.calibration import Calibration, DeviceSpeed
from garden.core.quantity import format_duration

#: Shown as text; the rest is in the JSON document.
_SHOWN = ("Q4_0", "Q4_K", "Q8_0", "F16")


def calibration_lines(calibration: Calibration, now: float) -> list[str]:
    """Lines for people.

    Args:
        calibration: Of this machine.
        now: Seconds since the epoch.
    """
    lines = []
    for speed in calibration.speeds:
        shown = [f"{kind} {_gigabytes(speed, kind):.1f} GB/s" for kind in _SHOWN if kind in speed.types]
        name = speed.name if len(calibration.speeds) > 1 else f"{calibration.setup.threads} threads"
        if shown:
            lines.append(f"reads weights of {', '.join(shown)} ({name})")
    power = " on battery" if calibration.setup.on_battery else ""
    lines.append(f"measured{power} {format_duration(max(0.0, now - calibration.measured_at))} ago")
    if calibration.disturbance:
        lines.append(calibration.disturbance)
    return lines


def calibration_document(calibration: Calibration) -> dict[str, object]:
    """JSON: rates per second, times in seconds."""
    return {
        "measured_at": calibration.measured_at,
        "seconds": calibration.seconds,
        "threads": calibration.setup.threads,
        "on_battery": calibration.setup.on_battery,
        "busy_share": calibration.busy_share,
        "disturbance": calibration.disturbance,
        "devices": [_device(speed) for speed in calibration.speeds],
    }


def _device(speed: DeviceSpeed) -> dict[str, object]:
    return {
        "device": speed.device,
        "name": speed.name,
        "decode_error": speed.decode_error,
        "prefill_error": speed.prefill_error,
        "unrest": speed.unrest,
        "types": [
            {
                "type": kind,
                "decode_bytes_per_second": 1 / one.byte_seconds,
                "decode_seconds_per_row": one.row_seconds,
                "prefill_operations_per_second": 1 / one.operation_seconds,
            }
            for kind, one in speed.types.items()
        ],
    }


def _gigabytes(speed: DeviceSpeed, kind: str) -> float:
    return 1e-9 / speed.types[kind].byte_seconds
