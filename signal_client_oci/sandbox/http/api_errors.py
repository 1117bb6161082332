"""The errors of the services: status, code and message as Oracle's API error page lists them."""

from __future__ import annotations

__all__ = ["ApiError", "invalid_parameter", "not_authenticated", "not_found"]

_DEFAULTS: dict[int, tuple[str, str]] = {
    400: ("InvalidParameter", "The request is invalid."),
    401: (
        "NotAuthenticated",
        "The required information to complete authentication was not provided or was incorrect.",
    ),
    403: ("NotAuthorized", "You are not authorized to perform this operation."),
    404: ("NotAuthorizedOrNotFound", "Authorization failed or requested resource not found."),
    405: ("MethodNotAllowed", "The method is not allowed for this resource."),
    409: ("IncorrectState", "The requested state for the resource conflicts with its current state."),
    412: ("NoEtagMatch", "The entity tag does not match."),
    413: ("RequestEntityTooLarge", "The request entity is too large."),
    429: ("TooManyRequests", "User-rate limit exceeded."),
    500: ("InternalServerError", "An internal server error occurred."),
    501: ("MethodNotImplemented", "The method is not implemented."),
    502: ("BadGateway", "The upstream service gave no usable answer."),
    503: ("ServiceUnavailable", "The service is currently unavailable."),
    504: ("GatewayTimeout", "The upstream service did not answer in time."),
}
"""HTTP status → (code, message) of the body `{"code": …, "message": …}` (docs.oracle.com, apierrors.htm)."""


class ApiError(Exception):
    """An operation's error response: `status`, `code` and `message` of the JSON body."""

    def __init__(self, status: int, message: str = "", code: str = "") -> None:
        default_code, default_message = _DEFAULTS.get(status, ("Unknown", "The request failed."))
        self.status = status
        self.code = code or default_code
        self.message = message or default_message
        super().__init__(f"{status} {self.code}: {self.message}")


def invalid_parameter(message: str) -> ApiError:
    """Return a 400 InvalidParameter that says what is wrong."""
    return ApiError(400, message)


def not_found(message: str = "") -> ApiError:
    """Return the 404 that stands for a missing policy as well as for a missing resource."""
    return ApiError(404, message)


def not_authenticated(message: str = "") -> ApiError:
    """Return the 401 of every failed authentication; the service does not say which part was wrong."""
    return ApiError(401, message)
