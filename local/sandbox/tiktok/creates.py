"""Endpoints of the Business API that create: uploads, campaigns, ad groups, ads."""

from collections.abc import Callable
from datetime import datetime, timedelta

from local.sandbox.core.store import Json
from local.sandbox.tiktok import errors
from local.sandbox.tiktok.answers.render import shown
from local.sandbox.tiktok.context import Context
from local.sandbox.tiktok.objects import media
from local.sandbox.tiktok.objects.adgroups import new_adgroup
from local.sandbox.tiktok.objects.ads import new_ads, new_smart_plus_ad, review_verdict
from local.sandbox.tiktok.objects.campaigns import BIRTH_STATUSES, new_campaign
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Kind, Node

REPLAY_WINDOW = timedelta(seconds=10)


def upload_image(context: Context, _: str) -> Json:
    return media.upload_image(context.store, context.account, context.params, context.files, context.now)


def upload_video(context: Context, _: str) -> list[Json]:
    return media.upload_video(context.store, context.account, context.params, context.files, context.now)


def create(context: Context, noun: str) -> Json:
    makers: dict[str, Callable[[Context], Json]] = {
        "campaign": _new_campaign,
        "adgroup": _new_adgroup,
        "ad": _new_ads,
    }
    return makers[noun](context)


def _new_campaign(context: Context) -> Json:
    def make() -> Json:
        return new_campaign(context.account, context.params, context.family, context.now)

    return _made_once(context, "campaign", make, [])


def _new_adgroup(context: Context) -> Json:
    campaign = context.own("campaign", context.params.required("campaign_id"))

    def make() -> Json:
        return new_adgroup(
            context.store, context.account, campaign, context.params, context.family, context.now
        )

    return _made_once(context, "adgroup", make, context.store.children(campaign, "adgroup"))


def _made_once(context: Context, kind: Kind, make: Callable[[], Json], siblings: list[Node]) -> Json:
    """Make an object once per request id; without a request id its name must be new."""
    request_id = _request_id(context.params)
    key = (context.account.id, kind, request_id)
    before = context.store.replays.get(key)
    if request_id and before and context.now - before[1] < REPLAY_WINDOW:
        return shown(context.store, before[0], context.now)
    data = make()
    if not request_id:
        _refuse_same_name(context, kind, data, siblings)
    node = _born(context, kind, data, context.params)
    context.store.replays[key] = (node, context.now)
    return shown(context.store, node, context.now)


def _refuse_same_name(context: Context, kind: Kind, data: Json, siblings: list[Node]) -> None:
    others = siblings if kind == "adgroup" else context.store.of_kind(context.account.id, kind)
    field = f"{kind}_name"
    if any(not node.gone and node.data[field] == data[field] for node in others):
        raise errors.duplicate_name("ad group" if kind == "adgroup" else kind)


def _new_ads(context: Context) -> Json:
    adgroup = context.own("adgroup", context.params.required("adgroup_id"))
    if context.family == "smart_plus":
        data = new_smart_plus_ad(context.store, context.account, adgroup, context.params)
        return shown(context.store, _born(context, "ad", data, context.params), context.now)
    checked = new_ads(context.store, context.account, adgroup, context.params)
    sent = context.params.entries("creatives", 1, len(checked))
    ads = [_born(context, "ad", data, one) for data, one in zip(checked, sent, strict=True)]
    shown_ads = [_echoed(context, ad) for ad in ads]
    return {"ad_ids": [ad.id for ad in ads], "need_audit": True, "creatives": shown_ads}


def _echoed(context: Context, ad: Node) -> Json:
    """A new ad as ad/create/ answers it: its state is not yet known there."""
    return {k: v for k, v in shown(context.store, ad, context.now).items() if k != "secondary_status"}


def _born(context: Context, kind: Kind, data: Json, params: Params) -> Node:
    status = params.choice("operation_status", BIRTH_STATUSES, "ENABLE")
    node = context.store.add(kind, context.account, data, context.now, status, context.family)
    submit(node, context.now)
    return node


def submit(node: Node, now: datetime) -> None:
    """Send an ad into review; its result is stored at once and shown when the review ends."""
    if node.kind == "ad":
        node.submitted = now
        node.refusal = review_verdict(node)


def _request_id(params: Params) -> str:
    """A positive 64-bit integer as text; empty when absent."""
    text = params.text("request_id")
    if text and not (text.isdigit() and 0 < int(text) < 2**63):
        raise errors.wrong("request_id: Must be a 64-bit integer as a string.")
    return text
