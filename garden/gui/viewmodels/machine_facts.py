"""The words of the Machine page's cards, from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from garden.core.hardware_snapshot import Engine, Gpu, HardwareSnapshot
from garden.core.quantity import GIB
from garden.fit.devices import usable_gpus
from garden.services.idle_gpu import idle_gpu

#: As processors' vendors write the instruction sets; what is missing here is written in capitals.
_FEATURES = {
    "avx512": "AVX-512",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_vbmi": "AVX-512 VBMI",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512vbmi": "AVX-512 VBMI",
    "avx512vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
    "amx_tile": "AMX",
    "sse4_2": "SSE4.2",
    "ssse3": "SSSE3",
    "neon": "NEON",
    "asimd": "NEON",
    "sve": "SVE",
    "dotprod": "DotProd",
    "i8mm": "I8MM",
}

Tone = Literal["plain", "accent", "warning"]
_PLAIN: Tone = "plain"
_ACCENT: Tone = "accent"
_WARNING: Tone = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """One part of the machine.

    Attributes:
        key: Stable name of the row.
        icon: Name of its icon.
        title: What it is called.
        tag: A word on its state, empty for none.
        tone: Colour of the tag.
        figure: The figure at the right, emphasized.
        rest: What follows the figure, muted.
        used: Share of its memory in use, None for no bar.
        note: The line below.
        command: What to run so that the engine can use it, empty for nothing.
    """

    key: str
    icon: str
    title: str
    tag: str = ""
    tone: Tone = "plain"
    figure: str = ""
    rest: str = ""
    used: float | None = None
    note: str = ""
    command: str = ""

    @property
    def sentence(self) -> str:
        """All of it, for a screen reader."""
        return ". ".join(filter(None, (self.title, self.tag, f"{self.figure} {self.rest}".strip(), self.note)))


def device_facts(machine: HardwareSnapshot, probed: bool, problem: str = "") -> tuple[DeviceFacts, ...]:
    """Memory, GPUs, processor and engine, in this order.

    Args:
        machine: What was read.
        probed: Whether GPUs and engine were looked for; before that nothing is said about them.
        problem: Why looking for them failed.
    """
    facts = [_memory(machine)]
    if probed:
        facts += [_gpu(gpu, number, machine) for number, gpu in enumerate(machine.gpus)]
        if not machine.gpus:
            facts.append(
                DeviceFacts(key="gpu", icon="gpu", title="No GPU", note="None was found; models run on the CPU.")
            )
    facts.append(_processor(machine))
    facts.append(_engine(machine.engine, probed, problem))
    return tuple(facts)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f}"


def _memory(machine: HardwareSnapshot) -> DeviceFacts:
    total, free = machine.ram_total_bytes, machine.ram_free_bytes
    limit = "A cgroup limit sets the size" if machine.ram_limited_by_cgroup else "No cgroup limit"
    swap = f"Swap of {_gib(machine.swap_total_bytes)} GiB, not counted" if machine.swap_total_bytes else "No swap"
    return DeviceFacts(
        key="memory",
        icon="memory",
        title="Memory",
        figure=_gib(free),
        rest=f"of {_gib(total)} GiB free",
        used=1 - free / total if total else None,
        note=f"{limit}. {swap}.",
    )


def _gpu(gpu: Gpu, number: int, machine: HardwareSnapshot) -> DeviceFacts:
    total, free = gpu.memory_total_bytes, gpu.memory_free_bytes
    figure, rest, used = "", "", None
    if gpu.asleep:
        rest = f"{_gib(total)} GiB, asleep" if total else "asleep"
    elif total and free is not None:
        figure, rest, used = _gib(free), f"of {_gib(total)} GiB free", 1 - free / total
    elif total:
        rest = f"{_gib(total)} GiB"
    own = "shares the RAM" if gpu.unified else "own memory"
    idle = idle_gpu(gpu, machine.engine)
    command, tag, tone = "", "Integrated", _PLAIN
    if idle is None:
        backend = next((b.name for b in machine.engine.backends if gpu.device in b.devices), "")
        note = " · ".join(filter(None, (gpu.device, f"{backend} backend" if backend else "", own)))
        if gpu in usable_gpus(machine):
            tag, tone = "In use by the engine", _ACCENT
        else:
            note = f"{note}. The engine takes the GPU with memory of its own."
    else:
        switch = f"Switch on the {idle.backend} backend below, or run:" if idle.backend else idle.action
        note, command = " ".join(filter(None, (idle.reason, switch))), idle.command
        if not gpu.unified:
            tag, tone = "Not in use", _WARNING
    if gpu.asleep:
        note = f"{note.rstrip('.')}. Asleep; looking does not wake it."
    return DeviceFacts(
        key=f"gpu{number}",
        icon="gpu",
        title=gpu.name,
        tag=tag,
        tone=tone,
        figure=figure,
        rest=rest,
        used=used,
        note=note,
        command=command if machine.engine.installed else "",
    )


def _processor(machine: HardwareSnapshot) -> DeviceFacts:
    cpu = machine.cpu
    cores = f"{cpu.physical_cores} core{'s' if cpu.physical_cores != 1 else ''}"
    threads = f"{cpu.threads} thread{'s' if cpu.threads != 1 else ''}"
    features = ", ".join(dict.fromkeys(_FEATURES.get(name.lower(), name.upper()) for name in cpu.features))
    return DeviceFacts(
        key="cpu",
        icon="machine",
        title=cpu.name or "Processor",
        note=" · ".join(filter(None, (f"{cores}, {threads}", features))),
    )


def _engine(engine: Engine, probed: bool, problem: str) -> DeviceFacts:
    if not probed:
        return DeviceFacts(key="engine", icon="engine", title="Engine", note=problem or "Being looked at.")
    if not engine.installed:
        return DeviceFacts(
            key="engine",
            icon="engine",
            title="Engine",
            tag="Not installed",
            tone="warning",
            note=engine.problem or "It cannot be loaded.",
            command="python packaging/bootstrap.py setup",
        )
    names = ", ".join(
        f"{backend.name} ({', '.join(backend.devices)})"
        if backend.devices not in ((), (backend.name,))
        else backend.name
        for backend in engine.backends
    )
    parts = [f"Backends {names}" if len(engine.backends) > 1 else f"Backend {names or 'CPU'}"]
    if engine.ggml_version:
        parts.append(f"ggml {engine.ggml_version}")
    return DeviceFacts(
        key="engine",
        icon="engine",
        title=f"llama-cpp-python {engine.version or ''}".strip(),
        note=" · ".join(parts),
    )
