"""Addresses of the app's own pages and files, below the path under which a proxy serves it."""

from flask import has_request_context, request


def address(path: str) -> str:
    """What a browser asks for: `/data` is `/grupa/data` where `GRUPA_URL_PREFIX` is `/grupa/`."""
    return f"{request.script_root}{path}" if has_request_context() else path
