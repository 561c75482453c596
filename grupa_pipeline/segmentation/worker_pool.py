"""Worker processes for what needs umap-learn, hdbscan or many bounded samples."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from grupa_pipeline.segmentation.config import SegmentationConfig

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_PRELOADED = ["grupa_pipeline.segmentation.worker_pool", "umap", "hdbscan", "sklearn.neighbors"]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
_pools: dict[int, ProcessPoolExecutor] = {}


def run_all(config: SegmentationConfig, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
    """Call each of `jobs` in a worker, and return what they return, in their order.

    Raises BrokenProcessPool when a worker was killed, as it is where memory runs out; the next call has new workers.
    """
    return [future.result() for future in [_submit(config, job) for job in jobs]]


def run_in_worker(
    config: SegmentationConfig,
    function: Callable[Parameters, Result],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """Call `function` in a worker, where umap-learn and hdbscan are loaded already."""
    return _submit(config, function, *args, **kwargs).result()


def warm_up() -> None:
    """Start a process that loads the libraries and that workers are forked from; returns at once.

    Loading umap-learn takes seconds, so it is done once, in parallel to other work. That process runs nothing, so
    none of its threads holds a lock and it is safe to fork, unlike one in which Dagster and DuckDB run; it ends with this
    one. On a single core there are no workers.
    """
    if _cores() == 1:
        return
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        forkserver.set_forkserver_preload(_PRELOADED)
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def release_workers() -> None:
    """End the worker processes, and drop what they have not begun; otherwise they live as long as this process."""
    while _pools:
        _pools.popitem()[1].shutdown(cancel_futures=True)


def _submit(
    config: SegmentationConfig,
    function: Callable[Parameters, Result],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Future[Result]:
    workers = max(1, min(config.workers, _cores()))
    if workers == 1:
        done: Future[Result] = Future()
        done.set_result(function(*args, **kwargs))
        return done
    job = partial(function, *args, **kwargs)
    try:
        return _pool(workers).submit(_on_one_thread, job)
    except BrokenProcessPool:  # by an earlier call
        _pools.pop(workers).shutdown()
        return _pool(workers).submit(_on_one_thread, job)


def _cores() -> int:
    return os.cpu_count() or 1


def _pool(workers: int) -> ProcessPoolExecutor:
    """Running workers, or new ones."""
    if workers not in _pools:
        warm_up()
        context = multiprocessing.get_context("forkserver")
        _pools[workers] = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    return _pools[workers]


def _end_with_parent() -> None:
    """End a worker when its parent process is killed; it would wait for its next task forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=[parent], daemon=True).start()


def _end_after(process: BaseProcess) -> None:
    process.join()
    os._exit(1)


def _on_one_thread(job: Callable[[], Result]) -> Result:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return job()
