"""GoogleAdsService.Mutate: many operations, all or nothing, temporary ids resolved on the way."""

from collections.abc import Callable, Iterator
from datetime import datetime

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.field_mask_pb2 import FieldMask

from local.sandbox.google.errors import AdsError, Refusal, not_found, removed, required
from local.sandbox.google.messages import KINDS, Kind, Message, MutateResponse, is_temporary, set_enum
from local.sandbox.google.objects import ads, assets, campaigns, groups
from local.sandbox.google.resources import Resources
from local.sandbox.google.store import Account, Draft, Review, Store, is_removed

MAX_OPERATIONS = 10_000
Check = Callable[[Draft, Message], Iterator[AdsError]]


def mutate(store: Store, account: Account, request: Message, now: datetime) -> Message:
    """The answer of one mutate; `store` is changed only when nothing was refused. Raises Refusal."""
    _check_request(request)
    resources, reviews = Resources(store.resources), dict(store.reviews)
    work = Store(store.accounts, resources, reviews, store.records, store.last_id)
    draft = Draft(work, account, now)
    response, errors = MutateResponse(), []
    echo = request.response_content_type == _MUTABLE_RESOURCE
    for index, operation in enumerate(request.mutate_operations):
        answer = response.mutate_operation_responses.add()
        found = list(_apply(draft, operation, answer, echo))
        errors += [error.at(index) for error in found]
    if errors and not request.partial_failure:
        raise Refusal(errors)
    if errors:
        tell_partial(response, errors)
    if request.validate_only:
        return MutateResponse()
    store.resources, store.reviews, store.last_id = work.resources, work.reviews, work.last_id
    return response


_MUTABLE_RESOURCE = 2


def _check_request(request: Message) -> None:
    if not request.mutate_operations:
        raise Refusal([required("mutate_operations")])
    if len(request.mutate_operations) > MAX_OPERATIONS:
        words = f"Too many mutate operations; at most {MAX_OPERATIONS} are allowed."
        raise Refusal([AdsError("request_error.TOO_MANY_MUTATE_OPERATIONS", words)])
    seen: set[str] = set()
    for index, operation in enumerate(request.mutate_operations):
        name = target_of(operation)
        if not name:
            continue
        if name in seen:
            is_new = is_temporary(name)
            code = "new_resource_creation_error.DUPLICATE_TEMP_IDS"
            code = code if is_new else "mutate_error.ID_EXISTS_IN_MULTIPLE_MUTATES"
            raise Refusal([AdsError(code, "The id occurs in several operations.").at(index)])
        seen.add(name)


def target_of(operation: Message) -> str:
    """The resource name an operation is about; empty for a create that names none."""
    inner = getattr(operation, operation.WhichOneof("operation") or "", None)
    verb = inner.WhichOneof("operation") if inner is not None else None
    if inner is None or verb is None:
        return ""
    value = getattr(inner, verb)
    return str(value if verb == "remove" else value.resource_name)


def _apply(draft: Draft, operation: Message, answer: Message, echo: bool) -> Iterator[AdsError]:
    name = operation.WhichOneof("operation") or ""
    if name == "ad_operation":
        yield from _edit(draft, operation.ad_operation, answer)
        return
    kind = KINDS.get(name.removesuffix("_operation"))
    if kind is None:
        yield AdsError("mutate_error.MUTATE_NOT_ALLOWED", f"{name or 'This operation'} is not supported.")
        return
    inner = getattr(operation, name)
    verb = inner.WhichOneof("operation")
    if verb is None:
        yield required(name)
        return
    steps = {"create": _create, "update": _update, "remove": _remove}
    found, message = steps[verb](draft, kind, inner)
    for error in found:
        error.path = [(name, None), *error.path]
        yield error
    if found or message is None:
        return
    result = getattr(answer, f"{kind.name}_result")
    result.resource_name = message.resource_name
    if echo and verb != "remove":
        getattr(result, kind.name).CopyFrom(message)


def _edit(draft: Draft, inner: Message, answer: Message) -> Iterator[AdsError]:
    """Edit the texts of an ad, which then goes into review again."""
    if inner.WhichOneof("operation") != "update":
        yield AdsError("mutate_error.MUTATE_NOT_ALLOWED", "Ads are created with their ad group ad.")
        return
    own = inner.update.resource_name.removeprefix(f"customers/{draft.account.id}/ads/")
    found = [item for item in draft.living("ad_group_ad") if item.resource_name.endswith(f"~{own}")]
    if not found:
        yield not_found("ad_operation", "update", "resource_name")
        return
    message = KINDS["ad_group_ad"].message()
    message.CopyFrom(found[0])
    errors = list(ads.edit(message, inner.update, list(inner.update_mask.paths)))
    for error in errors:
        error.path = [("ad_operation", None), ("update", None), *error.path]
    yield from errors
    if not errors:
        draft.store.resources[message.resource_name] = message
        answer.ad_result.resource_name = inner.update.resource_name
        _hand_in(draft, message)


def _create(draft: Draft, kind: Kind, inner: Message) -> tuple[list[AdsError], Message | None]:
    message = kind.message()
    message.CopyFrom(inner.create)
    asked = message.resource_name
    errors = list(_resolve_temporary(draft, message, "create"))
    if not errors and asked and not is_temporary(asked):
        code = "new_resource_creation_error.CANNOT_SET_ID_FOR_CREATE"
        errors = [AdsError(code, "Do not set the id field while creating new entities.", "create")]
    if not errors:
        errors = list(_CREATES[kind.name](draft, message))
        for error in errors:
            error.path = [("create", None), *error.path]
    if errors:
        draft.failed.add(asked)
        return errors, None
    _give_name(draft, kind, message)
    if asked:
        draft.temporary[asked] = message.resource_name
    draft.store.resources[message.resource_name] = message
    if kind.name == "ad_group_ad":
        _hand_in(draft, message)
    return [], message


def _resolve_temporary(draft: Draft, message: Message, *path: str) -> Iterator[AdsError]:
    """Replaces temporary names in the fields of `message` by the ones given to them."""
    for descriptor, value in message.ListFields():
        if descriptor.name == "resource_name":
            continue
        if descriptor.label == descriptor.LABEL_REPEATED:
            if descriptor.message_type:
                for item in value:
                    yield from _resolve_temporary(draft, item, *path, descriptor.name)
        elif descriptor.message_type:
            yield from _resolve_temporary(draft, value, *path, descriptor.name)
        elif descriptor.cpp_type == descriptor.CPPTYPE_STRING and _names_temporary(draft, value):
            if value in draft.failed:
                code = "new_resource_creation_error.TEMP_ID_RESOURCE_HAD_ERRORS"
                yield AdsError(code, "A temp id was used of a resource that failed.", *path, descriptor.name)
            elif value not in draft.temporary:
                yield not_found(*path, descriptor.name)
            else:
                setattr(message, descriptor.name, draft.temporary[value])


def _names_temporary(draft: Draft, value: str | bytes) -> bool:
    is_name = isinstance(value, str) and value.startswith(f"customers/{draft.account.id}/")
    return is_name and is_temporary(str(value))


def _give_name(draft: Draft, kind: Kind, message: Message) -> None:
    own = draft.store.next_id()
    if kind.name == "campaign_criterion":
        kind_of = message.WhichOneof("criterion")
        if kind_of in _CONSTANTS:
            own = int(str(getattr(getattr(message, kind_of), _CONSTANTS[kind_of])).rpartition("/")[2])
    if "criterion_id" in message.DESCRIPTOR.fields_by_name:
        message.criterion_id = own
    elif kind.name == "ad_group_ad":
        message.ad.id = own
        message.ad.resource_name = f"customers/{draft.account.id}/ads/{own}"
    else:
        message.id = own
    parent = getattr(message, kind.parent).rpartition("/")[2] if kind.parent else ""
    is_composite = kind.name in ("campaign_criterion", "ad_group_criterion", "ad_group_ad")
    short = f"{parent}~{own}" if is_composite else str(own)
    message.resource_name = f"customers/{draft.account.id}/{kind.collection}/{short}"


def _hand_in(draft: Draft, message: Message) -> None:
    """Ads go into review; the verdict is known to Google, not yet to the advertiser."""
    draft.store.reviews[message.resource_name] = Review(draft.now, ads.refused_topic(message))


def _update(draft: Draft, kind: Kind, inner: Message) -> tuple[list[AdsError], Message | None]:
    before = draft.get(inner.update.resource_name, kind.name)
    if before is None:
        return [not_found("update", "resource_name")], None
    if is_removed(before):
        return [removed()], None
    if not inner.update_mask.paths:
        return [AdsError("field_mask_error.FIELD_MASK_MISSING", "The field mask must be provided.")], None
    errors = list(_check_mask(kind, inner.update_mask))
    if errors:
        return errors, None
    message = kind.message()
    message.CopyFrom(before)
    inner.update_mask.MergeMessage(
        inner.update, message, replace_message_field=True, replace_repeated_field=True
    )
    for path in inner.update_mask.paths:
        parent, _, field = path.partition(".")
        if field and inner.update.HasField(parent):  # also one that is left empty
            getattr(message, parent).SetInParent()
    errors = list(_UPDATES[kind.name](draft, message, list(inner.update_mask.paths)))
    for error in errors:
        error.path = [("update", None), *error.path]
    if not errors:
        draft.store.resources[message.resource_name] = message
    return errors, message


def _check_mask(kind: Kind, mask: FieldMask) -> Iterator[AdsError]:
    for path in mask.paths:
        if path.partition(".")[0] not in kind.message.DESCRIPTOR.fields_by_name:
            yield AdsError(
                "field_mask_error.FIELD_NOT_FOUND", f"The field {path} was not found.", "update_mask"
            )
        elif any(known.startswith(f"{path}.") for known in MUTABLE[kind.name]):
            words = f"The field {path} has subfields, which have to be named."
            yield AdsError("field_mask_error.FIELD_HAS_SUBFIELDS", words, "update_mask")
        elif path not in MUTABLE[kind.name]:
            words = f"The field {path} cannot be modified."
            yield AdsError("field_error.IMMUTABLE_FIELD", words, "update", *path.split("."))


def _remove(draft: Draft, kind: Kind, inner: Message) -> tuple[list[AdsError], Message | None]:
    before = draft.get(inner.remove, kind.name)
    if before is None:
        return [not_found("remove")], None
    if is_removed(before):
        return [removed()], None
    errors = list(campaigns.check_removal(draft, before)) if kind.name in _GUARDED else []
    if errors:
        return errors, None
    message = kind.message()
    message.CopyFrom(before)
    if kind.name in _WITHOUT_STATUS:
        del draft.store.resources[message.resource_name]
        return [], message
    set_enum(message, "status", "REMOVED")
    draft.store.resources[message.resource_name] = message
    if kind.name == "campaign":
        campaigns.keep_budget_in_step(draft, message)
    return [], message


def tell_partial(response: Message, errors: list[AdsError]) -> None:
    """Add the errors of the operations that failed to the answer of the others."""
    failure = Refusal(errors).failure("")
    packed = AnyMessage(type_url=f"type.googleapis.com/{failure.DESCRIPTOR.full_name}")
    packed.value = failure.SerializeToString()
    response.partial_failure_error.code = 3
    response.partial_failure_error.message = errors[0].message
    response.partial_failure_error.details.append(packed)


_CREATES: dict[str, Check] = {
    "campaign_budget": campaigns.check_new_budget,
    "campaign": campaigns.check_new_campaign,
    "campaign_criterion": campaigns.check_new_criterion,
    "ad_group": groups.check_new_group,
    "ad_group_criterion": groups.check_new_criterion,
    "ad_group_ad": ads.check_new_ad,
    "asset": assets.check_new_asset,
}
_UPDATES: dict[str, Callable[[Draft, Message, list[str]], Iterator[AdsError]]] = {
    "campaign_budget": campaigns.check_budget,
    "campaign": campaigns.check_campaign,
    "ad_group": groups.check_group,
    "ad_group_criterion": groups.check_criterion,
    "ad_group_ad": ads.check_ad,
}
MUTABLE: dict[str, set[str]] = {
    "campaign_budget": {"amount_micros", "name", "explicitly_shared"},
    "campaign": {
        "name",
        "status",
        "contains_eu_political_advertising",
        "end_date_time",
        "network_settings",
        "app_campaign_setting.bidding_strategy_goal_type",
        *campaigns.BID_PATHS,
    },
    "campaign_criterion": set(),
    "ad_group": {"name", "status"},
    "ad_group_criterion": {"status"},
    "ad_group_ad": {"status"},
    "asset": set(),
}
# Criteria whose id is that of a constant.
_CONSTANTS = {"location": "geo_target_constant", "language": "language_constant"}
_WITHOUT_STATUS = ("campaign_criterion", "asset")
_GUARDED = ("campaign", "campaign_budget")
