"""The device that models compute on: whether it is there, what it holds, what its errors mean.

Nothing here imports torch unless the device needs it: a worker whose models do without pays nothing.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings

#: How exactly a network is computed; see docs/operations.md for what each differs by.
PRECISIONS: Final = ("float32", "tf32", "bfloat16")
#: How errors of a device begin, or of a driver that has gone: whatever this process computes next fails as well.
_BROKEN: Final = ("CUDA error", "cuDNN error", "CUBLAS", "cuBLAS", "NVML", "Expected all tensors to be on the same dev")
#: As torch says that the machine's own memory has run out.
_NO_MEMORY: Final = ("allocate memory", "out of memory")


class Unusable(Exception):
    """The device cannot be used, or not any more: only another process may do better. Says nothing of any model."""


def require() -> None:
    """Makes sure, before any work, that the device of the settings is there.

    Raises:
        Unusable: in one line, with what torch itself says.
    """
    name, precision = settings.DEVICE, settings.PRECISION
    if precision not in PRECISIONS:
        raise Unusable(f"TRELLIS_PRECISION is {precision!r}: say {', '.join(PRECISIONS)}")
    if name == "cpu":
        return
    try:
        import torch

        torch.zeros(1, device=name)
    except (ImportError, AssertionError, RuntimeError) as error:
        said = str(error).partition("\n")[0].rstrip(".")
        raise Unusable(f"TRELLIS_DEVICE is {name!r}, but {said}: mend that, or set TRELLIS_DEVICE=cpu") from error
    # torch lets cuDNN round to TF32 unless told; states of the same log then differ by device.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


@contextmanager
def computing() -> Iterator[None]:
    """Around all that a model computes: its precision, and no record for gradients."""
    torch = _torch()
    if torch is None:
        yield
        return
    kind = settings.DEVICE.partition(":")[0]
    half = settings.PRECISION == "bfloat16"
    with torch.inference_mode(), torch.autocast(kind, dtype=torch.bfloat16, enabled=half):
        yield


def out_of_memory(error: BaseException) -> bool:
    """Of the device or of the machine; a smaller batch may fit."""
    torch = _torch()
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return type(error) is RuntimeError and any(words in str(error) for words in _NO_MEMORY)


def broken(error: BaseException) -> bool:
    """The fault is the device's, and lasts: no learner's, no model's."""
    torch = _torch()
    if torch is None or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.AcceleratorError) or str(error).startswith(_BROKEN)


def release(error: BaseException | None = None) -> None:
    """Gives back what nobody uses, also what the frames of an error still hold."""
    if error is not None:
        traceback.clear_frames(error.__traceback__)
    gc.collect()
    torch = _torch()
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def name() -> str:
    """For people: the device, and which card it is."""
    torch = _torch()
    if not settings.DEVICE.startswith("cuda") or torch is None:
        return str(settings.DEVICE)
    card = os.environ.get("CUDA_VISIBLE_DEVICES") or str(torch.cuda.current_device())
    return f"cuda:{card} ({torch.cuda.get_device_name(settings.DEVICE)})"[:80]


def memory_bytes() -> tuple[int, int]:
    """Resident memory of this process, and what it holds of the device."""
    torch = _torch()
    on_device = torch.cuda.memory_reserved() if torch is not None and torch.cuda.is_initialized() else 0
    return _resident(), int(on_device)


def _resident() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _torch() -> Any:
    """torch, if this process has it already."""
    return sys.modules.get("torch")
