"""Settings that people make in Google's own interface: criteria of every kind, and whether those of a kind
limit the reach or only bid otherwise."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from local.sandbox.google.messages import KINDS, Message, set_enum
from local.sandbox.google.store import Account, Store

Json = dict[str, Any]

# The criteria of each kind of parent.
_CRITERIA = {"campaign": "campaign_criterion", "ad_group": "ad_group_criterion"}
# Devices of a campaign that nobody adjusted, which Google lists as well. The ids are Google's.
_DEVICES = {"DESKTOP": 30000, "MOBILE": 30001, "TABLET": 30002}


def add_criterion(store: Store, account: Account, wish: Json) -> None:
    """Add {"of": id, "proximity": {...}, "negative"?, "bid_modifier"?, "status"?} to a campaign or ad group.

    The criterion is written as in the vendor's message. Raises LookupError, ValueError.
    """
    kind, parent = _parent(store, account, wish)
    criterion = _parsed(_CRITERIA[kind], {name: value for name, value in wish.items() if name != "of"})
    chosen = criterion.WhichOneof("criterion")
    if chosen is None:
        raise ValueError("a criterion of one kind is expected")
    setattr(criterion, kind, parent.resource_name)
    set_enum(criterion, "type_", chosen.upper())
    if not criterion.status:
        set_enum(criterion, "status", "ENABLED")
    criterion.criterion_id = store.next_id()
    _keep(store, account, criterion, kind, parent)


def observe(store: Store, account: Account, wish: Json) -> None:
    """Let the criteria of {"of": id, "dimensions": ["AUDIENCE", ...]} bid only, without limiting the reach.

    Raises LookupError, ValueError.
    """
    kind, parent = _parent(store, account, wish)
    restrictions = [{"targeting_dimension": name, "bid_only": True} for name in wish["dimensions"]]
    setting = _parsed(kind, {"targeting_setting": {"target_restrictions": restrictions}})
    changed = KINDS[kind].message()
    changed.CopyFrom(parent)
    changed.targeting_setting.CopyFrom(setting.targeting_setting)
    store.resources[changed.resource_name] = changed


def unadjusted_devices(campaign: Message) -> Iterator[Message]:
    """Yield the devices of a campaign, none of them with a bid of its own."""
    customer, _, campaign_id = campaign.resource_name.partition("/campaigns/")
    for device, number in _DEVICES.items():
        criterion = KINDS["campaign_criterion"].message(campaign=campaign.resource_name, criterion_id=number)
        criterion.resource_name = f"{customer}/campaignCriteria/{campaign_id}~{number}"
        set_enum(criterion.device, "type_", device)
        set_enum(criterion, "type_", "DEVICE")
        set_enum(criterion, "status", "ENABLED")
        yield criterion


def _parent(store: Store, account: Account, wish: Json) -> tuple[str, Message]:
    for kind in _CRITERIA:
        name = f"customers/{account.id}/{KINDS[kind].collection}/{wish['of']}"
        if name in store.resources:
            return kind, store.resources[name]
    raise LookupError(f"no campaign or ad group {wish['of']}")


def _parsed(kind: str, fields: Json) -> Message:
    message = KINDS[kind].message()
    try:
        ParseDict(fields, message)
    except ParseError as error:
        raise ValueError(str(error)) from error
    return message


def _keep(store: Store, account: Account, criterion: Message, kind: str, parent: Message) -> None:
    own = f"{parent.id}~{criterion.criterion_id}"
    criterion.resource_name = f"customers/{account.id}/{KINDS[_CRITERIA[kind]].collection}/{own}"
    store.resources[criterion.resource_name] = criterion
