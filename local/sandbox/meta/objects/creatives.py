"""Creating and changing ad creatives: what is shown, and where it leads."""

import re
from urllib.parse import urlsplit

from local.sandbox.meta.errors import GraphError, invalid, wrong_param
from local.sandbox.meta.objects.adsets import check_own_page
from local.sandbox.meta.objects.campaigns import read_name
from local.sandbox.meta.params import Params, section
from local.sandbox.meta.store import Account, Json, MetaStore

CALLS_TO_ACTION = (
    "APPLY_NOW",
    "BOOK_NOW",
    "BOOK_TRAVEL",
    "BUY_NOW",
    "CONTACT_US",
    "DOWNLOAD",
    "GET_OFFER",
    "GET_QUOTE",
    "GET_SHOWTIMES",
    "INSTALL_APP",
    "INSTALL_MOBILE_APP",
    "LEARN_MORE",
    "LISTEN_NOW",
    "ORDER_NOW",
    "PLAY_GAME",
    "SEE_MORE",
    "SHOP_NOW",
    "SIGN_UP",
    "SUBSCRIBE",
    "WATCH_MORE",
)
MAX_TEXT_LENGTH = 2200
MACROS = (
    "{{ad.id}}",
    "{{ad.name}}",
    "{{adset.id}}",
    "{{adset.name}}",
    "{{campaign.id}}",
    "{{campaign.name}}",
    "{{placement}}",
    "{{site_source_name}}",
)
_CREATE = {
    "name",
    "object_story_spec",
    "url_tags",
    "degrees_of_freedom_spec",
    "contextual_multi_ads",
    "status",
}
_UPDATE = {"name", "status"}
_STORY = {"page_id", "instagram_user_id", "link_data", "video_data"}
_LINK = {
    "link",
    "message",
    "name",
    "description",
    "caption",
    "image_hash",
    "picture",
    "call_to_action",
    "multi_share_end_card",
}
_VIDEO = {
    "video_id",
    "title",
    "message",
    "link_description",
    "image_url",
    "image_hash",
    "call_to_action",
}


def new_creative(store: MetaStore, account: Account, params: Params) -> Json:
    """The checked fields of POST act_<id>/adcreatives. Raises GraphError."""
    params.only(_CREATE)
    story = params.mapping("object_story_spec")
    _only(story, _STORY, "object_story_spec")
    _check_page(story, account)
    if ("link_data" in story) == ("video_data" in story):
        raise wrong_param("object_story_spec needs exactly one of link_data, video_data", "object_story_spec")
    if "link_data" in story:
        _check_link_data(store, account, section(story, "link_data"))
    else:
        _check_video_data(store, account, section(story, "video_data"))
    _check_enhancements(params)
    data: Json = {"name": read_name(params), "object_story_spec": story}
    sent = {"url_tags": _url_tags(params)} if "url_tags" in params else {}
    return data | sent | _json_as_sent(params)


def _url_tags(params: Params) -> str:
    """Parameters without the question mark; unknown macros are shown as they stand, so they are refused."""
    text = params.required("url_tags")
    known = all(macro in MACROS for macro in re.findall(r"\{\{.*?\}\}", text))
    if text.startswith("?") or not known or re.search(r"\s", text) or "=" not in text:
        raise wrong_param("Param url_tags must be URL parameters such as utm_source=x", "url_tags")
    return text


def changed_creative(params: Params) -> Json:
    """Only the name may change; content is fixed at birth. Raises GraphError 100/1815573."""
    if params.values.keys() & (_CREATE - _UPDATE):
        raise invalid(
            1815573,
            "Creative Can't Be Edited",
            "The content of an ad creative can't be changed. Create a new creative instead.",
            "object_story_spec",
        )
    params.only(_UPDATE)
    return {"name": read_name(params)} if "name" in params else {}


def _only(spec: Json, allowed: set[str], path: str) -> None:
    for name in sorted(spec.keys() - allowed):
        raise wrong_param(f"Unexpected key {name!r} on param {path}.", path, name)


def _check_page(story: Json, account: Account) -> None:
    if not story.get("page_id"):
        raise invalid(
            1885154,
            "Page Required",
            "Choose the Facebook Page that represents your business in the ad.",
            "object_story_spec",
            "page_id",
        )
    check_own_page(str(story["page_id"]), account)


def _check_link_data(store: MetaStore, account: Account, link_data: Json) -> None:
    _only(link_data, _LINK, "object_story_spec[link_data]")
    _check_url(link_data.get("link"))
    _check_image(store, account, link_data)
    _check_texts(link_data, ("message", "name", "description"))
    _check_call_to_action(section(link_data, "call_to_action"), needs_link=False)


def _check_video_data(store: MetaStore, account: Account, video_data: Json) -> None:
    _only(video_data, _VIDEO, "object_story_spec[video_data]")
    video = store.nodes.get(str(video_data.get("video_id")))
    if video is None or video.kind != "video" or video.account_id != account.id or video.gone:
        raise invalid(
            1487390,
            "Video Not Found",
            "The ad creative could not be created: its video does not exist.",
            "object_story_spec",
            "video_data",
        )
    if video.data["polls_left"]:
        raise invalid(
            1885252,
            "Video not ready for use in an ad",
            "The video is still being processed. Please wait until it is ready.",
            "object_story_spec",
            "video_data",
        )
    _check_thumbnail(store, account, video_data)
    _check_texts(video_data, ("message", "title", "link_description"))
    _check_call_to_action(section(video_data, "call_to_action"), needs_link=True)


def _check_thumbnail(store: MetaStore, account: Account, video_data: Json) -> None:
    if not video_data.get("image_url") and not video_data.get("image_hash"):
        raise invalid(
            1443226,
            "Video Thumbnail Required",
            "Please specify one of image_hash or image_url in the video_data field of object_story_spec.",
            "object_story_spec",
            "video_data",
        )
    if video_data.get("image_hash"):
        _check_image(store, account, video_data)


def _check_image(store: MetaStore, account: Account, spec: Json) -> None:
    if spec.get("picture"):
        return
    if not spec.get("image_hash") or store.image(account.id, str(spec["image_hash"])) is None:
        raise invalid(
            2446386,
            "Image Not Found",
            "The image of your ad creative is missing or is not in this ad account's library.",
            "object_story_spec",
            "image_hash",
        )


def _check_url(url: object) -> None:
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid(
            2061015,
            "Your ad needs a website URL",
            "Enter the web address people should reach, beginning with http:// or https://.",
            "object_story_spec",
            "link",
        )


def _check_texts(spec: Json, names: tuple[str, ...]) -> None:
    for name in names:
        text = spec.get(name, "")
        if not isinstance(text, str) or len(text) > MAX_TEXT_LENGTH:
            raise invalid(
                1487390,
                "Text Is Too Long",
                f"The ad creative could not be created: {name} must be a text of at most "
                f"{MAX_TEXT_LENGTH} characters.",
                "object_story_spec",
                name,
            )


def _check_call_to_action(action: Json, *, needs_link: bool) -> None:
    link = section(action, "value").get("link")
    if needs_link or link is not None:
        _check_url(link)
    if not action:
        return
    if action.get("type") not in CALLS_TO_ACTION:
        raise wrong_param(
            f"Param call_to_action[type] must be one of {{{', '.join(CALLS_TO_ACTION)}}}", "call_to_action"
        )


def _check_enhancements(params: Params) -> None:
    if "degrees_of_freedom_spec" not in params:
        return
    spec = params.mapping("degrees_of_freedom_spec")
    if "standard_enhancements" in section(spec, "creative_features_spec"):
        raise GraphError(
            "Invalid parameter",
            100,
            3858504,
            title="Standard enhancements is no longer available",
            text="Choose each creative enhancement on its own instead.",
            blame=("degrees_of_freedom_spec",),
        )


def _json_as_sent(params: Params) -> Json:
    names = ("degrees_of_freedom_spec", "contextual_multi_ads")
    return {name: params.mapping(name) for name in names if name in params}
