"""The codes TikTok documents; HTTP says 200 to all of them."""

from typing import Any

Json = dict[str, Any]


class TikTokError(Exception):
    """One refusal; `code` is the envelope's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def wrong(text: str) -> TikTokError:
    """40002: a parameter of the wrong form or against a rule."""
    return TikTokError(40002, text)


def missing(name: str) -> TikTokError:
    return wrong(f"{name}: Missing data for required field.")


def duplicate_name(noun: str) -> TikTokError:
    return wrong(f"{noun.capitalize()} name already exists. Please try another one.")


def not_found(noun: str, object_id: str) -> TikTokError:
    return TikTokError(40007, f"The {noun} {object_id} does not exist or does not belong to the advertiser.")


def deleted(noun: str, object_id: str) -> TikTokError:
    return wrong(f"The {noun} {object_id} has been deleted and cannot be changed.")


def nothing_to_update() -> TikTokError:
    return TikTokError(40012, "There is nothing to update.")


def empty_token() -> TikTokError:
    return TikTokError(40104, "Access token is empty in the request header.")


def bad_token() -> TikTokError:
    return TikTokError(40105, "Access token is incorrect or has been revoked.")


def expired_token() -> TikTokError:
    return TikTokError(40102, "Access token has expired.")


def no_permission(advertiser_id: str) -> TikTokError:
    return TikTokError(40001, f"No permission to operate advertiser {advertiser_id}.")


def not_allowlisted() -> TikTokError:
    return TikTokError(40113, "The app or the advertiser is not in the allowlist of this feature.")


def closed_account() -> TikTokError:
    return TikTokError(40301, "The advertiser account is not allowed to perform this operation.")


def too_many_calls() -> TikTokError:
    """40100 of an app that broke the limit per minute: refused until some minutes were quiet."""
    return TikTokError(
        40100, "Your app is temporarily restricted because of too frequent requests. Please try again later."
    )


def too_many_calls_a_second() -> TikTokError:
    """40100 of more calls in a second than the app's tier allows: the next second is free again."""
    return TikTokError(40100, "App reaches the QPS limit.")


def too_many_ads(limit: int) -> TikTokError:
    return TikTokError(40502, f"The number of ads in the ad group exceeds the limit of {limit}.")


def bad_file(text: str) -> TikTokError:
    return TikTokError(40901, text)


def duplicate_file() -> TikTokError:
    return TikTokError(40911, "Duplicated material name.")


def unknown_path(path: str) -> TikTokError:
    return TikTokError(40006, f"The endpoint {path} does not exist.")


def blocked_by_policy() -> TikTokError:
    return TikTokError(40904, "The material contains illegal content.")


def server_error() -> TikTokError:
    return TikTokError(50000, "System error. Please try again later.")
