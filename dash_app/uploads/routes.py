"""The routes that logs are uploaded by: one says what is coming, one takes the bytes, straight from the socket to the disk.

No form and no base64: memory holds one block. What then becomes of an upload is upload_store's business. Protection against
other sites is `security.protect`'s, which stands before every route.
"""

from collections.abc import Callable, Iterator

from flask import Flask, Response, jsonify, request

from dash_app.services import Services
from dash_app.uploads.store import MOST_BYTES, RefusedUploadError, UploadStore

_BLOCK = 1 << 20


def register(server: Flask, services: Services) -> None:
    """Add the routes."""
    store = UploadStore(services.settings.warehouse, services.settings.inbox)
    server.add_url_rule("/uploads", "announce_upload", lambda: _answer(lambda: announce(store)), methods=["POST"])
    server.add_url_rule(
        "/uploads/<token>", "receive_upload", lambda token: _answer(lambda: receive(store, token)), methods=["PUT"]
    )


def announce(store: UploadStore) -> dict[str, str]:
    """`{"name", "size"}` gives `{"token"}`: the name, size and disk are judged before a byte is sent."""
    told = request.get_json(silent=True)
    match told:
        case {"name": str(name), "size": int(size)}:
            return {"token": store.announce(name, size)}
    raise RefusedUploadError("Say the file's name and its size in bytes.")


def receive(store: UploadStore, token: str) -> dict[str, str]:
    """The bytes of an announced upload; when they are all there, they are judged."""
    request.max_content_length = MOST_BYTES  # for this request alone; elsewhere the app's own limit holds
    if request.content_length is None:
        raise RefusedUploadError("The request must say its length.", 411)
    name = store.receive(token, _blocks())
    store.judge(token)
    return {"name": name}


def _blocks() -> Iterator[bytes]:
    while block := request.stream.read(_BLOCK):
        yield block


def _answer(act: Callable[[], dict[str, str]]) -> Response:
    try:
        return jsonify(act())
    except RefusedUploadError as refusal:
        answer = jsonify(error=str(refusal))
        answer.status_code = refusal.status
        return answer
