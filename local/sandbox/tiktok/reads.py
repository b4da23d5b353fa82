"""Endpoints of the Business API that read."""

from datetime import datetime

from local.sandbox.core.store import Json
from local.sandbox.tiktok.answers.listing import MAX_PAGE, listing, paged
from local.sandbox.tiktok.answers.reports import report
from local.sandbox.tiktok.context import KINDS, Context
from local.sandbox.tiktok.delivery import apply_due_budgets
from local.sandbox.tiktok.objects import media
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Node

MAX_REVIEWS = 100


def advertiser(context: Context, _: str) -> Json:
    account = context.account
    whole = {
        "advertiser_id": account.id,
        "name": account.binding.account_name,
        "currency": account.currency,
        "display_timezone": account.display_timezone,
        "timezone": account.display_timezone,
        "status": account.status,
        "balance": account.balance,
    }
    asked = context.params.listed("fields") or list(whole)
    return {"list": [{name: whole[name] for name in whole if name in asked}]}


def identities(context: Context, _: str) -> Json:
    page = paged(context.account.identities, context.params)
    return {"identity_list": page["list"], "page_info": page["page_info"]}


def pixels(context: Context, _: str) -> Json:
    page = paged(context.account.pixels, context.params)
    return {"pixels": page["list"], "page_info": page["page_info"]}


def list_objects(context: Context, noun: str) -> Json:
    apply_due_budgets(context.store, context.now)
    listed = {k: v for k, v in _in_small_pages(context).values.items() if k != "advertiser_id"}
    return listing(context._replace(params=Params(listed)), KINDS[noun])


def daily_report(context: Context, _: str) -> Json:
    params = _in_small_pages(context, of_figures=True)
    return report(context.store, context.account, params, context.today, context.unkind.overlap)


def _in_small_pages(context: Context, *, of_figures: bool = False) -> Params:
    if not context.unkind.is_on:
        return context.params
    asked = context.params.integer("page_size", 10, 1, MAX_PAGE)
    return Params(
        context.params.values | {"page_size": context.unkind.page_size(asked, of_figures=of_figures)}
    )


def reviews(context: Context, _: str) -> Json:
    found = [context.own("ad", ad_id) for ad_id in context.params.ids("ad_ids", MAX_REVIEWS)]
    return {"ad_review_map": {ad.id: _review(ad, context.now) for ad in found}}


def _review(ad: Node, now: datetime) -> Json:
    if now < ad.review_ends():
        return {"is_approved": False, "review_status": "PENDING", "reject_info": []}
    refused = [{**ad.refusal, "content_info": {"content_type": "AD_TEXT"}}] if ad.refusal else []
    status = "UNAVAILABLE" if refused else "ALL_AVAILABLE"
    return {"is_approved": not refused, "review_status": status, "reject_info": refused}


def video_info(context: Context, _: str) -> Json:
    return media.video_info(context.store, context.account, context.params)


def split_result(context: Context, _: str) -> Json:
    split = context.own_split()
    return {"split_test_status": split.status(context.now), "object_ids": split.adgroup_ids}
