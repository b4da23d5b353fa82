"""Resources of the Google sandbox: found by kind and by parent, and copied for each mutate."""

from local.sandbox.google.messages import KINDS, Message
from local.sandbox.google.resources import Resources


def group(number: int, campaign: int = 1) -> Message:
    name = f"customers/1/adGroups/{number}"
    return KINDS["ad_group"].message(resource_name=name, campaign=f"customers/1/campaigns/{campaign}")


def names(found: object) -> list[str]:
    return [item.resource_name.rpartition("/")[2] for item in found]  # type: ignore[attr-defined]


def held(*groups: Message) -> Resources:
    return Resources({item.resource_name: item for item in groups})


def test_resources_are_found_by_kind_and_by_parent_in_their_order() -> None:
    resources = held(group(1), group(2, campaign=2), group(3))
    assert names(resources.of_kind("1", "ad_group")) == ["1", "2", "3"]
    assert names(resources.below("customers/1/campaigns/1", "ad_group")) == ["1", "3"]
    assert names(resources.of_kind("2", "ad_group")) == names(resources.of_kind("1", "campaign")) == []


def test_a_copy_and_its_original_do_not_see_what_the_other_is_given() -> None:
    original = held(group(1))
    copy = Resources(original)
    original["customers/1/adGroups/2"] = group(2)
    copy["customers/1/adGroups/3"] = group(3)
    del copy["customers/1/adGroups/1"]
    for resources, expected in ((original, ["1", "2"]), (copy, ["3"])):
        assert names(resources.values()) == names(resources.of_kind("1", "ad_group")) == expected
        assert names(resources.below("customers/1/campaigns/1", "ad_group")) == expected
