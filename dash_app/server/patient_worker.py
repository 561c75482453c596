"""A gunicorn worker whose threads never wait for a slow client.

gunicorn's threaded worker hands a connection to a thread as soon as one byte has come, and the thread then waits for the rest: a
few clients that send half a request stop the app. Here a request waits in the worker's own loop until all of it is there, and only
then takes a thread. Requests too large for that, uploads above all, have threads of their own, and end when they come too slowly.
"""

import re
import selectors
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

HEADER_SECONDS = 15.0
"""For all of a request that waits in the loop, from its first byte or from the connection."""
UPLOAD_GRACE_SECONDS, UPLOAD_BYTES_PER_SECOND = 20.0, 1_024
"""The slowest pace of what is larger, after a while in which it may be slower."""
UPLOAD_THREADS = 16
MAX_WAITING, MAX_WAITING_PER_ADDRESS = 600, 100
"""Connections that may wait at once; beyond, the one that has waited longest is closed, of the same address first."""
_MOST_PEEKED = 32 * 1024
_SEND_SECONDS = 60
_HEADER_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_RECEIVED_AT = 128
"""Where the kernel's `tcp_info` holds the bytes received, as 64 bits."""


class WaitingRequest:
    """A connection whose request has not come in whole."""

    def __init__(self, conn: TConn) -> None:
        self.conn = conn
        self.address = conn.client[0] if isinstance(conn.client, tuple) else ""
        self.until = time.monotonic() + HEADER_SECONDS


class LargeRequest:
    """A connection that a thread of uploads reads from.

    Attributes:
        size: Bytes of the request; None where it does not say.
    """

    def __init__(self, conn: TConn, size: int | None) -> None:
        self.conn, self.size = conn, size
        self.began, self.received_before = time.monotonic(), received(conn.sock) - unread(conn.sock)

    def is_too_slow(self, now: float) -> bool:
        """Whether it comes too slowly; one that has come in whole waits for us."""
        seconds, count = now - self.began, received(self.conn.sock) - self.received_before
        is_whole = self.size is not None and count >= self.size
        return not is_whole and seconds > UPLOAD_GRACE_SECONDS and count < seconds * UPLOAD_BYTES_PER_SECOND


class PatientWorker(ThreadWorker):  # type: ignore[misc,unused-ignore] # gunicorn has no types
    """The worker; chosen in `gunicorn_config.py`."""

    def init_process(self) -> None:  # gunicorn's own name, as the others
        """Start the threads of uploads beside gunicorn's own."""
        self._waiting: dict[TConn, WaitingRequest] = {}
        self._uploads: dict[TConn, LargeRequest] = {}
        self._upload_pool = ThreadPoolExecutor(UPLOAD_THREADS, thread_name_prefix="upload")
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its request."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
        self._wait(TConn(self.cfg, sock, client, listener.getsockname()))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """The next request of a connection that was kept begins."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._wait(conn)

    def murder_pending(self) -> None:
        """Close what waits too long or comes too slowly."""
        now = time.monotonic()
        for waiting in [each for each in self._waiting.values() if each.until < now]:
            self._drop(waiting)
        for upload in [each for each in self._uploads.values() if each.is_too_slow(now)]:
            _shut(upload.conn.sock)  # its thread then reads the end
        super().murder_pending()

    def run(self) -> None:
        """Serve until the worker is stopped; then end what no thread could otherwise end."""
        super().run()
        for upload in self._uploads.values():
            _shut(upload.conn.sock)
        self._upload_pool.shutdown(wait=False, cancel_futures=True)

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Take a connection back from its thread."""
        self._uploads.pop(conn, None)
        super().finish_request(conn, fs)

    def _wait(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        waiting = self._waiting[conn] = WaitingRequest(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, waiting))
        self._make_room(waiting.address)

    def _make_room(self, address: str) -> None:
        counts = Counter(each.address for each in self._waiting.values())
        if counts[address] > MAX_WAITING_PER_ADDRESS:
            self._drop(next(each for each in self._waiting.values() if each.address == address))
        elif len(self._waiting) > MAX_WAITING:
            self._drop(next(iter(self._waiting.values())))

    def _on_readable(self, waiting: WaitingRequest, sock: socket.socket) -> None:
        """Look at what has come, without taking it, and hand the connection to a thread where that is enough."""
        try:
            begun = sock.recv(_MOST_PEEKED, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            begun = b""
        if not begun:
            self._drop(waiting)
            return
        size = request_size(begun)
        if size is None and len(begun) < _MOST_PEEKED:
            _notify_above(sock, len(begun))
            return
        fits = size is not None and size <= _MOST_PEEKED
        if fits and size is not None and len(begun) < size:
            _notify_above(sock, size - 1)
            return
        self._take(waiting)
        if fits:
            self.enqueue_req(waiting.conn)
        else:
            self._enqueue_upload(waiting.conn, None if size == _UNKNOWN else size)

    def _enqueue_upload(self, conn: TConn, size: int | None) -> None:
        self._uploads[conn] = LargeRequest(conn, size)
        future = self._upload_pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _take(self, waiting: WaitingRequest) -> None:
        del self._waiting[waiting.conn]
        self.poller.unregister(waiting.conn.sock)
        _notify_above(waiting.conn.sock, 0)
        waiting.conn.data_ready = True

    def _drop(self, waiting: WaitingRequest) -> None:
        self._take(waiting)
        self.nr_conns -= 1
        waiting.conn.close()


_UNKNOWN = 1 << 62


def request_size(begun: bytes) -> int | None:
    """Bytes of the request that begins with `begun`; None before the end of its head, and very many where it does not say."""
    end = begun.find(_HEADER_END)
    if end < 0:
        return None
    head = begun[: end + 2]
    if _CHUNKED.search(head):
        return _UNKNOWN
    length = _LENGTH.search(head)
    return end + len(_HEADER_END) + (int(length[1]) if length else 0)


def received(sock: socket.socket) -> int:
    """Bytes that a connection has received so far."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED_AT + 8)
    except OSError:  # closed meanwhile
        return 0
    return int(struct.unpack_from("Q", info, _RECEIVED_AT)[0]) if len(info) >= _RECEIVED_AT + 8 else 0


def unread(sock: socket.socket) -> int:
    """Bytes that wait to be read, of those that are peeked at most."""
    try:
        return len(sock.recv(_MOST_PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return 0


def _notify_above(sock: socket.socket, count: int) -> None:
    """Let the socket be readable only when more than `count` bytes wait, or its end."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count + 1)
    except OSError:
        return  # closed meanwhile


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed meanwhile
