"""Creating ads: several at once in the manual family, one with many creatives in Upgraded Smart+."""

from urllib.parse import urlsplit

from local.sandbox.market import shown
from local.sandbox.tiktok.errors import Json, missing, too_many_ads, wrong
from local.sandbox.tiktok.objects.names import read_name, read_text
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account, Node, TikTokStore

IDENTITY_TYPES = ("AUTH_CODE", "BC_AUTH_TT", "CUSTOMIZED_USER", "TT_USER")
FORMATS = ("CAROUSEL_ADS", "SINGLE_IMAGE", "SINGLE_VIDEO")
MAX_CREATIVES, MAX_SMART_PLUS_CREATIVES = 20, 31
BUSINESS_IDENTITY = "BC_AUTH_TT"  # lent by a Business Center, whose id every ad must name
REFUSED_WORDS = ("miracle", "guaranteed cure")
CALLS_TO_ACTION = frozenset(
    "APPLY_NOW BOOK_NOW CALL_NOW CONTACT_US DOWNLOAD_NOW EXPERIENCE_NOW GET_QUOTE GET_SHOWTIMES"
    " GET_TICKETS_NOW INSTALL_NOW INTERESTED LEARN_MORE LISTEN_NOW ORDER_NOW PLAY_GAME PREORDER_NOW READ_MORE"
    " SEND_MESSAGE SHOP_NOW SIGN_UP SUBSCRIBE VIEW_NOW VIEW_PROFILE VISIT_STORE WATCH_LIVE WATCH_NOW".split()
)
_CREATIVE = {
    "ad_format",
    "ad_name",
    "ad_text",
    "call_to_action",
    "call_to_action_id",
    "identity_authorized_bc_id",
    "identity_id",
    "identity_type",
    "image_ids",
    "landing_page_url",
    "operation_status",
    "video_id",
}
_SMART_PLUS = {
    "ad_configuration",
    "ad_name",
    "ad_text_list",
    "adgroup_id",
    "call_to_action_list",
    "creative_list",
    "landing_page_url_list",
    "operation_status",
}


def new_ads(store: TikTokStore, account: Account, adgroup: Node, params: Params) -> list[Json]:
    """The checked creatives of ad/create/, all or none. Raises TikTokError."""
    params.only({"adgroup_id", "creatives"})
    creatives = params.entries("creatives", 1, MAX_CREATIVES)
    _check_room(store, account, adgroup, len(creatives))
    return [_manual_ad(store, account, adgroup, creative) for creative in creatives]


def new_smart_plus_ad(store: TikTokStore, account: Account, adgroup: Node, params: Params) -> Json:
    """The checked fields of smart_plus/ad/create/. Raises TikTokError."""
    params.only(_SMART_PLUS)
    _check_room(store, account, adgroup, 1)
    texts = params.entries("ad_text_list", 1, 5)
    actions = params.entries("call_to_action_list", 0, 3)
    pages = params.entries("landing_page_url_list", 0, 1)
    return {
        **_parents(adgroup),
        "ad_name": read_name(params, "ad_name"),
        "ad_configuration": _identity(account, params.mapping("ad_configuration")),
        "ad_text_list": [{"ad_text": read_text(text, "ad_text")} for text in texts],
        "call_to_action_list": [{"call_to_action": _call_to_action(action)} for action in actions],
        "landing_page_url_list": [{"landing_page_url": _page(store, adgroup, page)} for page in pages],
        "creative_list": [
            {"creative_info": _creative_info(store, account, entry.mapping("creative_info"))}
            for entry in params.entries("creative_list", 1, MAX_SMART_PLUS_CREATIVES)
        ],
    }


def review_verdict(node: Node) -> Json | None:
    """The refusal that the review will end with; None for an ad that passes."""
    words = str([node.data.get("ad_text"), node.data.get("ad_text_list")]).lower()
    found = next((word for word in REFUSED_WORDS if word in words), None)
    return {"reasons": [f'Misleading claim: "{found}"'], "suggestion": "Change the text."} if found else None


def creative_key(store: TikTokStore, ad: Node) -> str:
    """The same picture or film works equally well wherever it runs."""
    data = ad.data
    if "creative_list" in data:
        info = data["creative_list"][0]["creative_info"]
        key = info.get("video_info", {}).get("video_id") or info["image_info"][0]["web_uri"]
    else:
        key = data.get("video_id") or data["image_ids"][0]
    return shown(str(store.nodes[str(key)].data["source"]))


def _manual_ad(store: TikTokStore, account: Account, adgroup: Node, params: Params) -> Json:
    params.only(_CREATIVE)
    data: Json = {
        **_parents(adgroup),
        "ad_name": read_name(params, "ad_name"),
        **_identity(account, params),
        "ad_format": params.choice("ad_format", FORMATS),
        "ad_text": read_text(params, "ad_text"),
        "call_to_action": _call_to_action(params),
        "image_ids": _images(store, account, params),
    }
    if data["ad_format"] == "SINGLE_VIDEO":
        data["video_id"] = _video(store, account, params)
    if (page := _page(store, adgroup, params)) is not None:
        data["landing_page_url"] = page
    return data


def _parents(adgroup: Node) -> Json:
    return {"adgroup_id": adgroup.id, "campaign_id": adgroup.data["campaign_id"]}


def _check_room(store: TikTokStore, account: Account, adgroup: Node, more: int) -> None:
    living = sum(not ad.gone for ad in store.children(adgroup, "ad"))
    if living + more > account.ads_per_adgroup:
        raise too_many_ads(account.ads_per_adgroup)


def _identity(account: Account, params: Params) -> Json:
    identity_id = params.required("identity_id")
    kind = params.choice("identity_type", IDENTITY_TYPES)
    named = {"identity_id": identity_id, "identity_type": kind}
    if kind == BUSINESS_IDENTITY:
        named["identity_authorized_bc_id"] = params.required("identity_authorized_bc_id")
    if not any(named.items() <= item.items() for item in account.identities):
        raise wrong(f"identity_id: The identity {identity_id} is not available to the advertiser.")
    return named


def _call_to_action(params: Params) -> str:
    action = params.required("call_to_action")
    if action not in CALLS_TO_ACTION:
        raise wrong("call_to_action: Not a valid call to action.")
    return action


def _page(store: TikTokStore, adgroup: Node, params: Params) -> str | None:
    objective = store.nodes[adgroup.data["campaign_id"]].data["objective_type"]
    if objective == "APP_PROMOTION" and "landing_page_url" not in params:
        return None
    url = params.required("landing_page_url")
    if urlsplit(url).scheme not in ("http", "https"):
        raise wrong("landing_page_url: Not a valid URL.")
    return url


def _images(store: TikTokStore, account: Account, params: Params) -> list[str]:
    images = [str(image) for image in params.listed("image_ids")]
    if not images:
        raise missing("image_ids")
    for image in images:
        _own_image(store, account, image)
    return images


def _own_image(store: TikTokStore, account: Account, image_id: str) -> str:
    if store.own(account, "image", image_id) is None:
        raise wrong(f"image_ids: The image {image_id} does not exist.")
    return image_id


def _video(store: TikTokStore, account: Account, params: Params) -> str:
    video_id = params.required("video_id")
    video = store.own(account, "video", video_id)
    if video is None:
        raise wrong(f"video_id: The video {video_id} does not exist.")
    if video.data["polls_left"]:
        raise wrong(f"video_id: The video {video_id} is still being processed.")
    return video_id


def _creative_info(store: TikTokStore, account: Account, params: Params) -> Json:
    info: Json = {"ad_format": params.choice("ad_format", FORMATS)}
    images = params.entries("image_info", 1, 35)  # a video needs its cover here
    info["image_info"] = [
        {"web_uri": _own_image(store, account, image.required("web_uri"))} for image in images
    ]
    if info["ad_format"] == "SINGLE_VIDEO":
        info["video_info"] = {"video_id": _video(store, account, params.mapping("video_info"))}
    return info
