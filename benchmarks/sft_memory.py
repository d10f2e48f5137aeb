"""What a training step keeps in memory, counted without a device that could hold it.

The model is built in its full size of torch's fake tensors, which have shapes and no numbers, and takes real
steps of training: forward under autocast, checkpointed backward, clipping, AdamW. `Ledger` watches every
operation and adds up the storages that live. What it cannot see: workspaces inside kernels, memory that the
allocator holds in pieces that nobody can use, and the CUDA context (about half a GB). Attention is CPUs' own,
which like CUDA's keeps no matrix of weights.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop, sdpa_flop

from benchmarks.sft_models import Setup
from pix2cap.sft.settings import SftSettings
from pix2cap.sft.stage_trainer import learning_parameters

GB = 1e9


@dataclass(frozen=True)
class Count:
    """What a stage keeps from step to step, in numbers and in bytes, counted one parameter at a time."""

    numbers: int
    learning: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int

    @property
    def fixed_bytes(self) -> int:
        return self.weight_bytes + self.gradient_bytes + self.optimizer_bytes


@dataclass(frozen=True)
class Step:
    """One step of a stage.

    Args:
        count: Of the model as it learns in the stage.
        conversations: In one pass.
        tokens: Of the longest of them.
        head: See `Setup`.
        peak_bytes: Most that lived at once, weights included.
        phase: Where that was: forward, backward or update.
        pass_flops: Floating-point operations of one pass, recomputed ones included.
    """

    count: Count
    conversations: int
    tokens: int
    head: str
    peak_bytes: int
    phase: str
    pass_flops: int

    @property
    def beside_bytes(self) -> int:
        """Activations and all else beside weights, gradients and the optimizer's state."""
        return self.peak_bytes - self.count.fixed_bytes


def count(model: nn.Module) -> Count:
    """Parameters as they are now; AdamW keeps two numbers beside each that learns, gradients are one."""
    parameters = list(model.parameters())
    learning = learning_parameters(model)
    gradients = sum(p.numel() * p.element_size() for p in learning)
    return Count(
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in learning),
        sum(p.numel() * p.element_size() for p in parameters),
        gradients,
        2 * gradients,
    )


class Ledger(TorchDispatchMode):
    """Adds up the storages of all tensors that operations make, and forgets those that die.

    Above a `FakeTensorMode` it also lets operations on real tensors alone, and `arange`, be real: how many
    tokens are `<image>` decides shapes, which fake numbers could not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.phase = self.peak_phase = ""
        self._alive: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        is_fake = any(isinstance(tensor, FakeTensor) for tensor in tensors)
        if is_fake and func is torch.ops.aten.index.Tensor:
            args = (args[0], [place for index in args[1] for place in _numbered(index)])
        if (tensors and not is_fake) or func.overloadpacket is torch.ops.aten.arange:
            with unset_fake_temporarily():
                out = func(*args, **kwargs)
        else:
            out = func(*args, **kwargs)
        for made in tree_flatten(out)[0]:
            if isinstance(made, Tensor):
                self._enter(made.untyped_storage())
        return out

    def start(self, phase: str) -> None:
        """Name what follows; the peak of a new step begins with `forget`."""
        self.phase = phase

    def forget(self) -> None:
        """Begin a new peak."""
        self.peak, self.peak_phase = self.now, self.phase

    def _enter(self, storage: Any) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def leave(_: Any) -> None:
            del self._alive[key]
            self.now -= size

        self._alive[key] = weakref.ref(storage, leave)
        self.now += size
        if self.now > self.peak:
            self.peak, self.peak_phase = self.now, self.phase


def _numbered(index: Any) -> tuple[Any, ...]:
    """A real mask as the numbers of its places: how many they are is the shape of what it picks."""
    if isinstance(index, FakeTensor) or not isinstance(index, Tensor) or index.dtype != torch.bool:
        return (index,)
    with unset_fake_temporarily():
        return tuple(index.nonzero().unbind(1))


def _flops_on_cpu() -> dict[Any, Any]:
    """Attention as CPUs do it, which torch's counter leaves out."""
    aten = torch.ops.aten

    def forward(q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop(q, k, v))

    def backward(grad: Any, q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_backward_flop(grad, q, k, v))

    return {
        aten._scaled_dot_product_flash_attention_for_cpu: forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }


def flop_counter() -> FlopCounterMode:
    """Counts products of matrices, convolutions and attention, on CPUs too."""
    return FlopCounterMode(display=False, custom_mapping=_flops_on_cpu())


@contextlib.contextmanager
def faked() -> Iterator[Ledger]:
    """What is made inside has no numbers; the ledger tells what it would weigh."""
    with FakeTensorMode(allow_non_fake_inputs=True), Ledger() as ledger:
        yield ledger


def _fake(model: nn.Module) -> None:
    """Put fake tensors, which claim to be on the CPU, in place of those on the meta device."""
    made: dict[int, Any] = {}
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is None or tensor.device.type != "meta":
                    continue
                if id(tensor) not in made:
                    empty = torch.empty(tensor.shape, dtype=tensor.dtype)
                    is_weight = isinstance(tensor, nn.Parameter)
                    made[id(tensor)] = (
                        tensor,
                        nn.Parameter(empty, tensor.requires_grad) if is_weight else empty,
                    )
                kind[name] = made[id(tensor)][1]


def stages(
    settings: SftSettings, build: Callable[[], Setup], *, conversations: int = 0, clip: float = 1.0
) -> Iterator[Step]:
    """Each stage's memory, one after the other on one model, as `pix2cap sft train` has it.

    Args:
        settings: Of the run.
        build: Makes the model, on torch's meta device, and at least as many conversations as a pass takes.
        conversations: In a pass, in place of what the settings say for one device.
        clip: Largest norm of the gradient.
    """
    setup = build()
    with faked() as ledger:
        _fake(setup.model)
        for stage in settings.stages:
            setup.choose(stage.train)
            for parameter in learning_parameters(setup.model):
                parameter.data = parameter.data.float()
            gc.collect()
            size = conversations or stage.batch // stage.accumulate
            yield _measure(setup, setup.samples[:size], ledger, passes=stage.accumulate, clip=clip)


def _measure(setup: Setup, samples: Sequence[Any], ledger: Ledger, *, passes: int, clip: float) -> Step:
    """The second of two steps: from then on AdamW's state is there."""
    from accelerate import Accelerator

    with unset_fake_temporarily():
        batch = setup.collate(samples)
    tokens = int(batch["input_ids"].shape[1])
    counted = count(setup.model)
    accelerator = Accelerator(mixed_precision="bf16", cpu=True)
    # Prepared once: accelerate leaves a model alone that an earlier stage has wrapped in autocast.
    model = accelerator.prepare_model(setup.model.train(), device_placement=False)
    learning = learning_parameters(setup.model)
    optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=True)
    labelled = int((batch["labels"] != -100).sum())
    flops = flop_counter()

    def one_pass() -> None:
        ledger.start("forward")
        loss = model(**batch, num_items_in_batch=labelled)["loss"]
        ledger.start("backward")
        loss.backward()

    # Gradients stand from a step's second pass on: a third would show nothing new.
    for step, count_of in ((0, 1), (1, min(passes, 2))):
        if step:
            ledger.forget()
        for _ in range(count_of):
            with contextlib.nullcontext() if step else flops:
                one_pass()
        ledger.start("update")
        torch.nn.utils.clip_grad_norm_(learning, clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return Step(
        counted, len(samples), tokens, setup.head, ledger.peak, ledger.peak_phase, flops.get_total_flops()
    )
