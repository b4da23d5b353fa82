"""Ads: Google's immediate refusals, and the topics that its review finds later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from local.sandbox.core.text import display_width
from local.sandbox.google.errors import AdsError, not_found, required
from local.sandbox.google.messages import Message, enum_name, set_enum
from local.sandbox.google.objects.groups import channel_of
from local.sandbox.google.store import Draft, is_removed

MAX_ENABLED_SEARCH_ADS = 3
MAX_ADS = 50
AD_OF_CHANNEL = {
    "SEARCH": "responsive_search_ad",
    "DEMAND_GEN": "demand_gen_multi_asset_ad",
    "MULTI_CHANNEL": "app_ad",
}
# Words that fail the review: enough to see a refusal, far from all of them.
REFUSED_WORDS = ("miracle", "guaranteed cure", "get rich quick")
VALUE_TRACK = frozenset(
    "adgroupid adposition campaignid creative device devicemodel gclid keyword loc_interest_ms"
    " loc_physical_ms matchtype network placement random target targetid".split()
)
_PARAMETER_KEY = re.compile(r"[A-Za-z0-9]{1,16}")


class Lines(NamedTuple):
    """The count of lines that an ad takes in a field, and the width of each."""

    field: str
    fewest: int
    most: int
    width: int


LINES = {
    "responsive_search_ad": (Lines("headlines", 3, 15, 30), Lines("descriptions", 2, 4, 90)),
    "demand_gen_multi_asset_ad": (Lines("headlines", 1, 5, 40), Lines("descriptions", 1, 5, 90)),
    "app_ad": (Lines("headlines", 2, 5, 30), Lines("descriptions", 1, 5, 90)),
}


class Picture(NamedTuple):
    """The least size of a picture field and its shape, width by height."""

    width: int
    height: int


PICTURES = {
    "marketing_images": Picture(600, 314),
    "square_marketing_images": Picture(300, 300),
    "portrait_marketing_images": Picture(480, 600),
    "logo_images": Picture(128, 128),
}


def check_new_ad(draft: Draft, ad_group_ad: Message) -> Iterator[AdsError]:
    if not ad_group_ad.status:
        set_enum(ad_group_ad, "status", "ENABLED")
    group = draft.get(ad_group_ad.ad_group, "ad_group")
    if group is None or is_removed(group):
        yield not_found("ad_group")
        return
    ad, channel = ad_group_ad.ad, channel_of(draft, group)
    kind = ad.WhichOneof("ad_data")
    if kind != AD_OF_CHANNEL[channel]:
        yield AdsError("ad_error.INVALID_AD_TYPE", f"The ad does not fit {channel} campaigns.", "ad")
        return
    set_enum(ad, "type_", kind.upper())
    yield from _check_urls(ad, kind)
    for lines in LINES[kind]:
        yield from _check_lines(getattr(getattr(ad, kind), lines.field), lines, kind)
    if kind == "demand_gen_multi_asset_ad":
        yield from _check_pictures(draft, ad.demand_gen_multi_asset_ad)
    elif ad.HasField("name"):
        yield AdsError("ad_error.CANNOT_SET_FIELD", "This ad type takes no name.", "ad", "name")
    yield from _check_room(draft, ad_group_ad, channel)


def check_ad(draft: Draft, ad_group_ad: Message, paths: list[str]) -> Iterator[AdsError]:
    group = draft.store.resources[ad_group_ad.ad_group]
    yield from _check_room(draft, ad_group_ad, channel_of(draft, group))


def edit(ad_group_ad: Message, new: Message, paths: list[str]) -> Iterator[AdsError]:
    """Exchange the lines that the mask names; nothing else of an ad can be edited here."""
    kind = ad_group_ad.ad.WhichOneof("ad_data")
    lines = {f"{kind}.{each.field}": each for each in LINES[kind]}
    if not paths:
        yield AdsError("field_mask_error.FIELD_MASK_MISSING", "The field mask must be provided.")
    for path in paths:
        if path not in lines:
            yield AdsError("field_error.IMMUTABLE_FIELD", f"The field {path} cannot be modified.", path)
            continue
        content, field = getattr(ad_group_ad.ad, kind), lines[path].field
        content.ClearField(field)
        getattr(content, field).extend(getattr(getattr(new, kind), field))
        yield from _check_lines(getattr(content, field), lines[path], kind)


def _check_urls(ad: Message, kind: str) -> Iterator[AdsError]:
    yield from _check_suffix(ad, kind)
    if kind == "app_ad":
        if ad.final_urls:
            yield AdsError("ad_error.CANNOT_SET_FIELD", "An app ad takes no URL.", "ad", "final_urls")
        return
    if not ad.final_urls:
        yield required("ad", "final_urls")
    for url in ad.final_urls:
        if not url.startswith(("http://", "https://")):
            code = "url_field_error.MISSING_PROTOCOL_IN_FINAL_URL"
            yield AdsError(code, "The final URL has no protocol.", "ad", "final_urls")
    for parameter in ad.url_custom_parameters:
        if not _PARAMETER_KEY.fullmatch(parameter.key):
            code = "url_field_error.INVALID_CHARACTERS_IN_URL_CUSTOM_PARAMETER_KEY"
            yield AdsError(code, "The key has invalid characters.", "ad", "url_custom_parameters")
        if re.search(r"\s", parameter.value):
            code = "url_field_error.INVALID_CHARACTERS_IN_URL_CUSTOM_PARAMETER_VALUE"
            yield AdsError(code, "The value has invalid characters.", "ad", "url_custom_parameters")


def _check_suffix(ad: Message, kind: str) -> Iterator[AdsError]:
    suffix = ad.final_url_suffix
    if suffix and kind == "app_ad":
        yield AdsError("ad_error.CANNOT_SET_FIELD", "An app ad takes no URL.", "ad", "final_url_suffix")
    if suffix and (suffix[0] in "?&" or "=" not in suffix or re.search(r"[\s#]", suffix)):
        code = "url_field_error.FINAL_URL_SUFFIX_MALFORMED"
        yield AdsError(code, "The final URL suffix is invalid.", "ad", "final_url_suffix")
    strange = [tag for tag in re.findall(r"\{([^{}]*)\}", suffix) if tag not in VALUE_TRACK]
    if strange or "{{" in suffix:
        code = "url_field_error.INVALID_TAG_IN_FINAL_URL_SUFFIX"
        yield AdsError(code, "The final URL suffix has an unknown tag.", "ad", "final_url_suffix")


def _check_lines(found: Sequence[Message], lines: Lines, kind: str) -> Iterator[AdsError]:
    path = ("ad", kind, lines.field)
    if not lines.fewest <= len(found) <= lines.most:
        words = f"{lines.field} takes {lines.fewest} to {lines.most} entries."
        yield AdsError("ad_error.INVALID_NUMBER_OF_ELEMENTS", words, *path)
    texts = [line.text for line in found]
    if len(set(texts)) != len(texts):
        yield AdsError("asset_error.DUPLICATE_ASSET", "Assets are duplicated across operations.", *path)
    if any(display_width(text) > lines.width for text in texts):
        yield AdsError("ad_error.LINE_TOO_WIDE", f"A line is wider than {lines.width}.", *path, "text")
    if any(not text.strip() for text in texts):
        yield AdsError("ad_error.EMPTY_FIELD", "A line is empty.", *path, "text")


def _check_pictures(draft: Draft, ad: Message) -> Iterator[AdsError]:
    path = ("ad", "demand_gen_multi_asset_ad")
    if not ad.business_name:
        yield AdsError("ad_error.MISSING_BUSINESS_NAME", "The business name is missing.", *path)
    if display_width(ad.business_name) > 25:
        yield AdsError("ad_error.LINE_TOO_WIDE", "The business name is too wide.", *path, "business_name")
    if not ad.logo_images:
        yield AdsError("ad_error.MISSING_IMAGE", "A logo is required.", *path, "logo_images")
    if not ad.marketing_images and not ad.square_marketing_images:
        code = "ad_error.MISSING_REQUIRED_IMAGE_ASPECT_RATIO"
        yield AdsError(code, "A landscape or a square picture is required.", *path)
    for field, least in PICTURES.items():
        for image in getattr(ad, field):
            yield from _check_picture(draft, image.asset, least, (*path, field))


def _check_picture(draft: Draft, name: str, least: Picture, path: tuple[str, ...]) -> Iterator[AdsError]:
    asset = draft.get(name, "asset")
    if asset is None:
        yield not_found(*path, "asset")
        return
    size = asset.image_asset.full_size
    if size.width_pixels < least.width or size.height_pixels < least.height:
        yield AdsError("image_error.IMAGE_TOO_SMALL", "The image is too small.", *path)
    shape = (size.width_pixels / size.height_pixels) / (least.width / least.height)
    if not 0.99 <= shape <= 1.01:
        yield AdsError("image_error.ASPECT_RATIO_NOT_ALLOWED", "The aspect ratio is wrong.", *path)


def _check_room(draft: Draft, ad_group_ad: Message, channel: str) -> Iterator[AdsError]:
    siblings = [
        item
        for item in draft.living_below(ad_group_ad.ad_group, "ad_group_ad")
        if item.resource_name != ad_group_ad.resource_name
    ]
    enabled = [item for item in [*siblings, ad_group_ad] if enum_name(item, "status") == "ENABLED"]
    too_many_on = channel == "SEARCH" and len(enabled) > MAX_ENABLED_SEARCH_ADS
    is_second_app_ad = channel == "MULTI_CHANNEL" and bool(siblings)
    if len(siblings) >= MAX_ADS or too_many_on or is_second_app_ad:
        code = "resource_count_limit_exceeded_error.AD_GROUP_AD_LIMIT"
        yield AdsError(code, "The ad group holds as many ads as it may.")


def refused_topic(ad_group_ad: Message) -> str | None:
    """The policy topic that the review will find; None for an ad that passes."""
    words = str(ad_group_ad.ad).lower()
    return "UNRELIABLE_CLAIMS" if any(word in words for word in REFUSED_WORDS) else None
