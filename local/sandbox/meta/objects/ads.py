"""Creating and changing ads, and their review."""

from local.sandbox.meta.errors import invalid
from local.sandbox.meta.objects.adsets import living_parent
from local.sandbox.meta.objects.campaigns import BIRTH_STATUSES, read_name
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

MAX_ADS_PER_ADSET = 50
_CREATE = {"name", "adset_id", "creative", "status", "conversion_domain", "tracking_specs"}
_UPDATE = _CREATE - {"adset_id"}
# Words that fail the review: enough to see a refusal, far from all of them.
REFUSED_WORDS = ("miracle", "guaranteed cure", "get rich quick")


def new_ad(store: MetaStore, account: Account, params: Params) -> tuple[Json, str]:
    """The checked fields of POST act_<id>/ads, and the birth status. Raises GraphError."""
    params.only(_CREATE)
    adset = living_parent(store, account, "adset", params)
    if sum(not ad.gone for ad in store.children(adset, "ad")) >= MAX_ADS_PER_ADSET:
        raise invalid(
            None,
            "Too Many Ads",
            f"An ad set can hold at most {MAX_ADS_PER_ADSET} ads that are not deleted.",
            "adset_id",
        )
    data: Json = {
        "name": read_name(params),
        "adset_id": adset.id,
        "campaign_id": adset.data["campaign_id"],
        "creative_id": _creative_id(store, account, params),
        **_sent(params),
    }
    return data, params.choice("status", BIRTH_STATUSES)


def changed_ad(store: MetaStore, account: Account, params: Params) -> Json:
    """The checked fields of POST <ad id>. Raises GraphError."""
    params.only(_UPDATE)
    changes = _sent(params)
    if "name" in params:
        changes["name"] = read_name(params)
    if "creative" in params:
        changes["creative_id"] = _creative_id(store, account, params)
    return changes


def review_verdict(store: MetaStore, ad: Node) -> Json | None:
    """The `ad_review_feedback` of an ad the review will refuse; None when it will pass."""
    story = store.nodes[ad.data["creative_id"]].data["object_story_spec"]
    texts = str(story).lower()
    found = [word for word in REFUSED_WORDS if word in texts]
    if not found:
        return None
    reason = f"The ad makes a claim we don't allow: {found[0]}."
    return {"global": {"Unacceptable Business Practices": reason}}


def _creative_id(store: MetaStore, account: Account, params: Params) -> str:
    wanted = str(params.mapping("creative").get("creative_id", ""))
    creative = store.nodes.get(wanted)
    if creative is None or creative.kind != "creative" or creative.account_id != account.id or creative.gone:
        raise invalid(
            None,
            "Invalid Ad Creative",
            f"The creative {wanted or 'of this ad'} does not exist in this ad account.",
            "creative",
        )
    return wanted


def _sent(params: Params) -> Json:
    found: Json = {}
    if "conversion_domain" in params:
        found["conversion_domain"] = params.text("conversion_domain")
    if "tracking_specs" in params:
        found["tracking_specs"] = params.json("tracking_specs")
    return found
