"""The error bodies of the API, and the one exception that carries them to the edge.

Bodies echo the offending value, as the real API does: a client that logs them whole leaks, and a
test against this server can see it. Nothing here is ever logged by the server itself.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

from starlette.responses import JSONResponse

from de_assets.errors import DeAssetsError

VALIDATION_ERROR = "VALIDATION_ERROR"
OBJECT_NOT_FOUND = "OBJECT_NOT_FOUND"
CONFLICT = "CONFLICT"

Context: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class PropertyProblem:
    """Why the value of one property is refused."""

    name: str
    code: str
    message: str


class RefusedRequestError(DeAssetsError):
    """The API refuses a request, or one input of a batch."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        problems: Sequence[PropertyProblem] = (),
        context: Context | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.problems = problems
        self.context = dict(context or {})
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """Return the body of a whole refused request."""
        body: dict[str, object] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid4()),
            "category": self.category,
        }
        if self.problems:
            body["errors"] = self._details()
        return body | self.extra

    def batch_entry(self, trace_id: str | None) -> dict[str, object]:
        """Return the entry of `errors` in a 207 answer for one refused input."""
        context = dict(self.context)
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "links": {},
            "errors": self._details(),
        }

    def response(self) -> JSONResponse:
        """Return the answer to a whole refused request."""
        return JSONResponse(self.body(), status_code=self.status, headers=self.headers)

    def _details(self) -> list[dict[str, object]]:
        return [
            {
                "message": problem.message,
                "code": problem.code,
                "context": {"propertyName": [problem.name]},
            }
            for problem in self.problems
        ]


def invalid_request(message: str) -> RefusedRequestError:
    """Return the refusal of a request whose shape or arguments are wrong (400)."""
    return RefusedRequestError(400, VALIDATION_ERROR, message)


def invalid_properties(problems: Sequence[PropertyProblem]) -> RefusedRequestError:
    """Return the refusal of property values (400), with the reasons as JSON in its message too."""
    reasons = [
        {
            "isValid": False,
            "message": problem.message,
            "error": problem.code,
            "name": problem.name,
            "localizedErrorMessage": problem.message,
        }
        for problem in problems
    ]
    return RefusedRequestError(
        400,
        VALIDATION_ERROR,
        f"Property values were not valid: {json.dumps(reasons)}",
        problems=problems,
    )


def contact_exists(contact_id: int) -> RefusedRequestError:
    """Return the refusal of a value that another contact already holds (409)."""
    return RefusedRequestError(409, CONFLICT, f"Contact already exists. Existing ID: {contact_id}")


def contacts_not_found(ids: Iterable[str]) -> RefusedRequestError:
    """Return the refusal of ids that name no contact, as a batch lists them (404)."""
    return RefusedRequestError(
        404,
        OBJECT_NOT_FOUND,
        "Some contacts could not be found: they do not exist or are archived. Check the ids.",
        context={"ids": list(ids)},
    )


def resource_not_found() -> RefusedRequestError:
    """Return the refusal of a path or contact that does not exist (404)."""
    return RefusedRequestError(404, OBJECT_NOT_FOUND, "resource not found")


def missing_scopes(scopes: Sequence[str]) -> RefusedRequestError:
    """Return the refusal of a call for which the token has none of these scopes (403)."""
    return RefusedRequestError(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        extra={
            "errors": [
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": [*scopes]},
                }
            ],
            "links": {"scopes": "https://developers.hubspot.com/scopes"},
        },
    )


def not_authenticated() -> RefusedRequestError:
    """Return the refusal of a missing or wrong access token (401)."""
    return RefusedRequestError(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. Send the header 'Authorization: Bearer TOKEN'.",
    )
