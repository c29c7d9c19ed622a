"""The most layers on GPUs and the largest context whose plans keep within what each device may give."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from garden.core.dry_run import Allowance, Plan
from garden.core.held_memory import RAM

#: The engine pads contexts to it, so no finer step changes a plan.
CONTEXT_STEP = 256

#: Estimates are worth so many questions; what varies in steps is halved then.
_ESTIMATES = 5

#: Compute buffers of one placement at neighbouring contexts vary by less than this share, for some steps.
_PACKING_SPREAD, _GAP = 0.1, 4

#: Compute buffers of neighbouring placements differ by less than this share.
_COMPUTE_SPREAD = 0.25


class PlanSearch:
    """Looks for placements and contexts with as few plans as it can; each is made once.

    Args:
        make: Makes the plan of a number of layers on GPUs and a context.
        allowances: Of each device; those left out are not limited.
        layers: Layers there are, the output layer counted.
        guessed_layers: Where to begin with the first search for layers, None without an idea.
        unmoved_bytes: Weights that stay in RAM when all layers are on GPUs, at most; None when nobody knows.
        lightest_bytes: Weights of the lightest layer below the output layer; 0 when nobody knows.
        may_unfuse: Whether the engine may fuse attention on the processor alone and not in a split, which then can take
            more RAM than all layers in RAM do.
        streams: Caches side by side, which share the context: plans change with every so many steps of it.
        casts: Whether caches are cast to be attended to, so that compute buffers grow, and vary, with the context.
    """

    def __init__(
        self,
        make: Callable[[int, int], Plan],
        allowances: Iterable[Allowance],
        layers: int,
        guessed_layers: int | None = None,
        unmoved_bytes: int | None = None,
        lightest_bytes: int = 0,
        *,
        may_unfuse: bool = False,
        streams: int = 1,
        casts: bool = False,
    ) -> None:
        self._make = make
        allowances = tuple(allowances)
        self._ram = next((allowance for allowance in allowances if allowance.device == RAM), None)
        self._gpus = tuple(allowance for allowance in allowances if allowance.device != RAM)
        self._layers = layers
        self._may_unfuse = may_unfuse
        self._gap = _GAP * streams
        self._packing_spread = _COMPUTE_SPREAD if casts else _PACKING_SPREAD
        self._guessed_layers = guessed_layers
        self._unmoved_bytes = unmoved_bytes
        # Several GPUs share the layers anew with each one more.
        self._lightest_bytes = lightest_bytes if len(self._gpus) == 1 else 0
        self._shares_ram = any(gpu.shared for gpu in self._gpus)
        self._known: dict[tuple[int, int], Plan] = {}
        self._best: dict[int, Plan] = {}
        # From this context on not all layers fit.
        self._not_everything_from: int | None = None

    @property
    def plans(self) -> int:
        """Plans made so far."""
        return len(self._known)

    def remember(self, layers: int, context: int, plan: Plan) -> None:
        """Take over a plan that was made before."""
        self._known[layers, context] = plan

    def at(self, context: int, layers: int | None) -> Plan:
        """The plan of a context with these layers on GPUs, as many as fit when None."""
        if layers is not None:
            return self._plan(layers, context)
        plan = self.most_layers(context)
        if self._may_unfuse and plan.n_gpu_layers and not plan.flash_attention and not self.fits(plan):
            alone = self._plan(0, context)
            return alone if self.fits(alone) else plan
        return plan

    def fits(self, plan: Plan) -> bool:
        """Whether every device keeps its allowance."""
        if self._ram is not None:
            shared = sum(plan.on(gpu.device) for gpu in self._gpus if gpu.shared)
            if plan.on(RAM) + shared > self._ram.bytes:
                return False
        return self._gpus_fit(plan)

    def most_layers(self, context: int) -> Plan:
        """The plan with the most layers on GPUs whose GPUs keep their allowances; with none when no number does.

        All layers are a case of their own: a split takes more on the GPU than the last layers do, since it computes
        prompt batches of the layers in RAM as well. They are tried first, or last where they are not expected to fit
        and the other plans do not tell. Below all, what the GPUs hold grows with the layers but for the compute
        buffers, which vary a little; so the search goes on past a number that does not fit for as long as smaller
        compute buffers could make room.
        """
        if context not in self._best:
            self._best[context] = self._most_layers(context)
        return self._best[context]

    def largest_context(self, limit: int, layers: int | None, guess: int | None = None) -> int:
        """The largest context that keeps all allowances, in steps of CONTEXT_STEP; 0 when none does.

        Args:
            limit: Searched up to here, which itself may be no multiple of the step.
            layers: On GPUs; as many as fit each context when None.
            guess: Where to begin.
        """

        def fits(steps: int) -> bool:
            context = steps * CONTEXT_STEP
            if layers is None and self._guess_fits(context):
                return True
            return self.fits(self.at(context, layers))

        steps = largest(
            fits,
            0,
            max(1, limit // CONTEXT_STEP),
            None if guess is None else guess // CONTEXT_STEP,
            lambda steps: self._context_by(steps * CONTEXT_STEP) // CONTEXT_STEP,
        )
        steps = self._past_a_gap(fits, steps, limit // CONTEXT_STEP)
        return min(steps * CONTEXT_STEP, max(limit, CONTEXT_STEP))

    def _past_a_gap(self, fits: Callable[[int], bool], steps: int, limit: int) -> int:
        """The largest of the next few numbers of steps that fits after one that does not.

        Compute buffers are packed anew at each context and may come out smaller at a longer one; looked at for as long
        as that could make up for what is short.
        """
        beyond = (steps + 1) * CONTEXT_STEP
        close = [n for (n, context), plan in self._known.items() if context == beyond and self._is_close(n, context)]
        for further in range(steps + 2, min(steps + 1 + self._gap, limit) + 1):
            plans = {layers: self._plan(layers, further * CONTEXT_STEP) for layers in close}
            if any(map(self.fits, plans.values())) and fits(further):
                steps = further
            close = [layers for layers in plans if self._is_close(layers, further * CONTEXT_STEP)]
        return steps

    def _is_close(self, layers: int, context: int) -> bool:
        """Whether what will be short of each device one step further is little beside its compute buffer."""
        plan = self._plan(layers, context)
        for allowance in (*self._gpus, *((self._ram,) if self._ram else ())):
            uses = [use for use in plan.buffers if use.device == allowance.device]
            compute = sum(use.compute_bytes for use in uses)
            cache = sum(use.kv_cache_bytes for use in uses) if self._grows_evenly(layers, context) else 0
            needed = plan.on(allowance.device) + cache * CONTEXT_STEP // context
            if uses and needed - allowance.bytes > compute * self._packing_spread:
                return False
        return True

    def _grows_evenly(self, layers: int, context: int) -> bool:
        """Whether caches were seen to grow with the context alone, as they do where no layer has a window."""

        def caches(at: int) -> int:
            return sum(use.kv_cache_bytes for use in self._known[layers, at].buffers)

        others = [made_for for n, made_for in self._known if n == layers and made_for != context]
        return any(caches(other) * context == caches(context) * other for other in others)

    def _plan(self, layers: int, context: int) -> Plan:
        key = (layers, context)
        if key not in self._known:
            self._known[key] = self._make(layers, context)
        return self._known[key]

    def _most_layers(self, context: int) -> Plan:
        guess = self._guess(context)
        if (guess is None or guess >= self._layers) and self._everything_fits(context):
            return self._plan(self._layers, context)
        ceiling = self._too_many(context)
        best = largest(
            lambda layers: self._gpus_fit(self._plan(layers, context)),
            0,
            ceiling - 1,
            guess,
            lambda layers: self._layers_by(self._plan(layers, context), layers),
        )
        hopeless = 0
        for layers in range(best + 1, ceiling):
            candidate = self._plan(layers, context)
            if self._gpus_fit(candidate):
                best, hopeless = layers, 0
                continue
            hopeless += self._is_hopeless(candidate, self._lightest_bytes)
            if hopeless >= self._patience:
                break
        return self._plan(self._layers if self._everything_fits(context) else best, context)

    def _too_many(self, context: int) -> int:
        """The least number of layers that is known to be too many by shorter contexts; all where none is."""
        if len(self._gpus) != 1:
            return self._layers
        found = self._layers
        for (layers, made_for), plan in self._known.items():
            if made_for <= context and 0 < layers < found:
                if self._is_hopeless(plan):
                    found = layers
                elif layers + 1 < found and self._is_hopeless(plan, self._lightest_bytes):
                    found = layers + 1
        return found

    def _everything_fits(self, context: int) -> bool:
        """Whether the GPUs take all layers; asked only where no other plan tells."""
        limit = self._not_everything_from
        if limit is not None and context >= limit:
            return False
        others = (plan for (_layers, made_for), plan in self._known.items() if made_for == context)
        if (self._layers, context) not in self._known and any(map(self._is_too_much, others)):
            fits = False
        else:
            fits = self._gpus_fit(self._plan(self._layers, context))
        if not fits:
            self._not_everything_from = context
        return fits

    def _is_too_much(self, plan: Plan) -> bool:
        """Whether weights and caches alone are more than the GPUs give once the layers in RAM join the others."""
        if self._unmoved_bytes is None:
            return False
        weights = caches = 0
        for use in plan.buffers:
            weights += use.weights_bytes
            caches += use.kv_cache_bytes + use.recurrent_bytes
        return weights - self._unmoved_bytes + caches > sum(gpu.bytes for gpu in self._gpus)

    def _guess_fits(self, context: int) -> bool:
        """Whether the first placement to come to mind keeps all allowances: then the one with the most layers does.

        More layers on GPUs leave more of the RAM, unless a GPU shares it.
        """
        if self._shares_ram or context in self._best:
            return False
        guess = self._guess(context)
        return guess is not None and self.fits(self._plan(max(0, min(guess, self._layers)), context))

    @property
    def _patience(self) -> int:
        """So many hopeless numbers in a row end the search.

        Several GPUs share the layers anew with each one more, so that one with a layer too many may lose it again.
        """
        return 1 if len(self._gpus) == 1 else 2 * len(self._gpus)

    def _guess(self, context: int) -> int | None:
        """Layers that would fit if all were alike: from the nearest context whose number is known."""
        near = min(self._best, key=lambda known: abs(known - context), default=None)
        plan = None if near is None else self._best[near]
        if near is None or plan is None or not plan.n_gpu_layers:
            return self._guessed_layers
        devices = {gpu.device for gpu in self._gpus}
        uses = [use for use in plan.buffers if use.device in devices]
        room = sum(gpu.bytes for gpu in self._gpus) - sum(use.compute_bytes for use in uses)
        held = sum(use.weights_bytes + use.recurrent_bytes for use in uses)
        held += round(sum(use.kv_cache_bytes for use in uses) * context / near)
        # All layers are tried only where they were found to fit before.
        most = self._layers if plan.n_gpu_layers == self._layers else self._layers - 1
        return max(0, min(most, room * plan.n_gpu_layers // max(1, held)))

    def _layers_by(self, plan: Plan, layers: int) -> int:
        """Layers that fit if all are like those of this plan."""
        if not layers:
            return layers
        devices = {gpu.device for gpu in self._gpus}
        uses = [use for use in plan.buffers if use.device in devices]
        spare = sum(gpu.bytes for gpu in self._gpus) - sum(use.total_bytes for use in uses)
        held = sum(use.total_bytes - use.compute_bytes for use in uses)
        return layers + spare * layers // max(1, held)

    def _context_by(self, context: int) -> int:
        """The largest context that fits if what devices hold grows on as it did, whichever placement is best."""
        found = []
        for (layers, made_for), plan in self._known.items():
            if made_for != context:
                continue
            others = (known for known in self._known if known[0] == layers and known[1] != context)
            near = min(others, key=lambda known: abs(known[1] - context), default=None)
            other = None if near is None else self._known[near]
            found.append(context + self._further(plan, context, other, near[1] if near else 0))
        return max(found, default=context)

    def _further(self, plan: Plan, context: int, other: Plan | None, other_context: int) -> int:
        """Tokens until the first device is full; negative where one holds too much."""
        rooms = []
        for allowance in (*self._gpus, *((self._ram,) if self._ram else ())):
            spare = allowance.bytes - plan.on(allowance.device)
            if other is not None:
                grown = (plan.on(allowance.device) - other.on(allowance.device)) / (context - other_context)
            else:
                caches = sum(use.kv_cache_bytes for use in plan.buffers if use.device == allowance.device)
                grown = caches / context
            if grown > 0:
                rooms.append(spare // grown)
        return int(min(rooms, default=0))

    def _gpus_fit(self, plan: Plan) -> bool:
        # One that holds nothing is left alone, however little it gives.
        return all(plan.on(gpu.device) <= max(0, gpu.bytes) for gpu in self._gpus)

    def _is_hopeless(self, plan: Plan, more_bytes: int = 0) -> bool:
        """Whether a GPU holds too much even if more layers, of so many bytes, had much smaller compute buffers."""
        for gpu in self._gpus:
            compute = sum(use.compute_bytes for use in plan.buffers if use.device == gpu.device)
            if plan.on(gpu.device) + more_bytes - compute * _COMPUTE_SPREAD > max(0, gpu.bytes):
                return True
        return False


def largest(
    fits: Callable[[int], bool],
    low: int,
    high: int,
    guess: int | None = None,
    estimate: Callable[[int], int] | None = None,
) -> int:
    """The largest number that fits when all smaller ones do; ``low`` when none above it does.

    Estimates lead to it while they are new; then strides grow away from the last number asked until the answer lies
    between two numbers, which are halved. A guess that is right costs two questions.

    Args:
        fits: The question, never asked of ``low``.
        low: Taken to fit.
        high: The largest that may be answered.
        guess: Where to begin; the upper end, then the middle, when None.
        estimate: After a number was asked: what may be the answer, by what was learned of it.
    """
    at = high if guess is None else min(max(guess, low), high)
    if at <= low:
        at = low + 1
    seen: set[bool] = set()
    stride, asked = 1, 0
    while low < high:
        answer = fits(at)
        asked += 1
        if answer:
            low = at
        else:
            high = at - 1
        seen.add(answer)
        if estimate is not None and asked <= _ESTIMATES:
            at = estimate(at)
        elif len(seen) == 1 and guess is not None:
            at = low + stride if answer else high - stride + 1
            stride *= 2
        else:
            at = (low + high + 1) // 2
        at = min(max(at, low + 1), high)
    return low
