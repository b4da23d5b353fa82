"""Graph API errors, with the codes the platform documents."""

from typing import Any

Json = dict[str, Any]

# The user texts follow the viewer's language; programs must match on the codes.
_LOCALISED = {
    "de_DE": (
        "Ungültiger Parameter",
        "Die Anfrage konnte nicht ausgeführt werden. Bitte prüfe deine Angaben.",
    ),
    "es_ES": ("Parámetro no válido", "No se ha podido completar la solicitud. Revisa los datos."),
}


class GraphError(Exception):
    """One refusal; `body` gives the documented JSON."""

    def __init__(
        self,
        message: str,
        code: int,
        subcode: int | None = None,
        *,
        kind: str = "OAuthException",
        status: int = 400,
        title: str | None = None,
        text: str | None = None,
        transient: bool = False,
        blame: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.subcode, self.status = code, subcode, status
        self.kind, self.transient = kind, transient
        self.title, self.text, self.blame = title, text, blame
        self.headers = headers or {}

    def body(self, trace_id: str, locale: str = "en_US") -> Json:
        error: Json = {"message": str(self), "type": self.kind, "code": self.code}
        if self.blame:
            error["error_data"] = {"blame_field_specs": [list(self.blame)]}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["is_transient"] = self.transient
        if self.title:
            title, text = _LOCALISED.get(locale, (self.title, self.text))
            error |= {"error_user_title": title, "error_user_msg": text}
        return {"error": error | {"fbtrace_id": trace_id}}


def wrong_param(text: str, *blame: str) -> GraphError:
    """Code 100 without a subcode: a parameter of the wrong form."""
    return GraphError(f"(#100) {text}", 100, blame=blame)


def invalid(subcode: int | None, title: str, text: str, *blame: str) -> GraphError:
    """Code 100 with a business rule's subcode and texts for the person."""
    return GraphError("Invalid parameter", 100, subcode, title=title, text=text, blame=blame)


def unsupported(verb: str, node_id: str) -> GraphError:
    """100/33: the object is missing, or this viewer may not see it."""
    return GraphError(
        f"Unsupported {verb.lower()} request. Object with ID '{node_id}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation. Please read the Graph API "
        "documentation at https://developers.facebook.com/docs/graph-api",
        100,
        33,
        kind="GraphMethodException",
    )


def unknown_path(path: str) -> GraphError:
    return GraphError(f"Unknown path components: /{path}", 2500)


def expired_token() -> GraphError:
    return GraphError("Error validating access token: Session has expired.", 190, 463)


def unparsable_token() -> GraphError:
    return GraphError("Invalid OAuth access token - Cannot parse access token", 190)


def missing_token() -> GraphError:
    return GraphError("An access token is required to request this resource.", 104)


def bad_proof() -> GraphError:
    return GraphError("(#104) Invalid appsecret_proof provided in the API argument", 104)


def no_permission() -> GraphError:
    return GraphError(
        "(#200) Ad account owner has NOT grant ads_management or ads_read permission", 200, status=403
    )


def disabled_account() -> GraphError:
    return GraphError("(#200) The ad account is disabled and cannot create or change ads.", 200, status=403)


def too_many_calls(code: int, headers: dict[str, str]) -> GraphError:
    """80004 (ads management) or 80000 (insights); the headers say when to come back."""
    return GraphError(
        f"(#{code}) There have been too many calls to this ad-account. Wait a bit and try again.",
        code,
        2446079,
        title="Ad Account Has Too Many API Calls",
        text="There have been too many calls from this ad-account. Wait a bit and try again.",
        transient=True,
        headers=headers,
    )


def score_used_up() -> GraphError:
    """17 of an ad account whose score of the last 300 seconds is too high; nothing says when to come back."""
    return GraphError("(#17) User request limit reached", 17, 2446079, transient=True)


def blocked_by_policy() -> GraphError:
    return GraphError(
        "(#368) The action attempted has been deemed abusive or is otherwise disallowed",
        368,
        1404082,
        title="Action Blocked",
        text="This action was blocked because it goes against our Community Standards.",
    )


def server_error() -> GraphError:
    return GraphError(
        "An unknown error has occurred.", 1, 99, kind="OAuthException", status=500, transient=True
    )


def too_many_figures() -> GraphError:
    """100/1487534: the answer to a report of more than may be worked out for one call, of fewer days it may
    work. Source: "Insights API, Limits & Best Practices"; its texts are unverified."""
    return GraphError("Invalid parameter", 100, 1487534)


def too_much_data() -> GraphError:
    """The answer to a page that would be too large; half of it may work."""
    return GraphError(
        "Please reduce the amount of data you're asking for, then retry your request", 1, status=500
    )
