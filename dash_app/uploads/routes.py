"""Upload routes: one announces a log, one receives its bytes and writes them from the socket to the disk.

No form and no base64: memory holds one block. What then happens to an upload is in `store.py`. Requests from other sites are
refused by `security.protect`, which runs before every route.
"""

from collections.abc import Callable, Iterator

from flask import Flask, Response, jsonify, request

from dash_app.data.uploads import MAX_UPLOAD_BYTES
from dash_app.services import Services
from dash_app.uploads.upload_store import RefusedUploadError, UploadStore

_BLOCK = 1 << 20


def register(server: Flask, services: Services) -> None:
    """Add the routes."""
    store = UploadStore(services.settings.warehouse, services.settings.inbox)
    server.add_url_rule("/uploads", "announce_upload", lambda: _response(lambda: announce(store)), methods=["POST"])
    server.add_url_rule(
        "/uploads/<token>", "receive_upload", lambda token: _response(lambda: receive(store, token)), methods=["PUT"]
    )


def announce(store: UploadStore) -> dict[str, str]:
    """`{"name", "size"}` gives `{"token"}`: name, size and free disk space are checked before a byte is sent."""
    match request.get_json(silent=True):
        case {"name": str(name), "size": int(size)}:
            return {"token": store.announce(name, size)}
    raise RefusedUploadError("Give the file's name and its size in bytes.")


def receive(store: UploadStore, token: str) -> dict[str, str]:
    """Receive the bytes of an announced upload and start to check it."""
    request.max_content_length = MAX_UPLOAD_BYTES  # for this request alone; elsewhere the app's own limit holds
    if request.content_length is None:
        raise RefusedUploadError("The request must state its length.", 411)
    name = store.receive(token, _blocks())
    store.start_check(token)
    return {"name": name}


def _blocks() -> Iterator[bytes]:
    while block := request.stream.read(_BLOCK):
        yield block


def _response(act: Callable[[], dict[str, str]]) -> Response:
    try:
        return jsonify(act())
    except RefusedUploadError as refusal:
        response = jsonify(error=str(refusal))
        response.status_code = refusal.status
        return response
