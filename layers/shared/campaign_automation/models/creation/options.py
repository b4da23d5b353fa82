"""The optional settings of requests that make a campaign, as callers give them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from campaign_automation.models.common import OBJECT_OR_ITS_TEXT, Country, Gender, Later, Model, Text, unique

MOST_HEADLINES, MOST_DESCRIPTIONS = 15, 5

Line = Annotated[Text, Field(max_length=500)]


class Texts(Model):
    """The texts of an ad, as far as they are given."""

    primary_text: Annotated[Text, Field(max_length=2200)] | None = None
    headline: Line | None = None
    description: Line | None = None
    more_headlines: Annotated[list[Line], Field(max_length=MOST_HEADLINES - 1), AfterValidator(unique)] = []
    more_descriptions: Annotated[
        list[Line], Field(max_length=MOST_DESCRIPTIONS - 1), AfterValidator(unique)
    ] = []


PARTS_OF_TEXTS = tuple(Texts.model_fields)


class _OfCreative(Model):
    creative_id: Annotated[Text, Field(max_length=64)]


# The digests of stored requests have the fields in this order: the creative first.
class GivenTexts(Texts, _OfCreative):
    """The caller's own texts of one creative; the parts that are left out are written for it."""


_PARAMETER = re.compile(r"[A-Za-z0-9_.~-]{1,64}")
_VALUE = re.compile(r"[A-Za-z0-9_.~|:{}%+-]{1,256}")


def _parameters(parameters: dict[str, str]) -> dict[str, str]:
    for name, value in parameters.items():
        if not _PARAMETER.fullmatch(name):
            raise ValueError(f"{name}: a name of a URL parameter holds letters, digits and . _ ~ - only")
        if not _VALUE.fullmatch(value):
            raise ValueError(
                f"{name}: a value holds letters, digits, . _ ~ | : + - and the platform's macros;"
                " percent-encode anything else"
            )
    return parameters


class Tracking(Model):
    """Parameters that are added to the URL of each ad; values may hold the platform's macros."""

    url_parameters: Annotated[
        dict[str, str],
        Field(min_length=1, max_length=20),
        AfterValidator(_parameters),
        OBJECT_OR_ITS_TEXT,
    ]


Word = Annotated[Text, Field(max_length=50)]


class Voice(Model):
    """The words of a brand in written texts: its name, words to use where they fit, and words to avoid."""

    brand_name: Annotated[Text, Field(max_length=80)] | None = None
    use: Annotated[list[Word], Field(max_length=20), AfterValidator(unique)] = []
    avoid: Annotated[list[Word], Field(max_length=50), AfterValidator(unique)] = []


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


CallToAction = Annotated[str, BeforeValidator(_upper), Field(pattern=r"^[A-Z][A-Z0-9_]{1,39}$")]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


# A code of ISO 639-1, where needed with its script (zh-hans), or the platform's own key in digits.
Language = Annotated[str, BeforeValidator(_lower), Field(pattern=r"^([a-z]{2}(-[a-z]{4})?|[0-9]{1,6})$")]


class Keyword(Model):
    """A search that shows an ad, or as a negative one keeps it from being shown."""

    text: Annotated[Text, Field(max_length=80)]
    match_type: Literal["broad", "phrase", "exact"] = "broad"


PlaceKey = Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]
AudienceId = Annotated[str, Field(pattern=r"^[0-9]{1,24}$")]
Placement = Annotated[str, BeforeValidator(_lower), Field(pattern=r"^[a-z][a-z_]{1,39}$")]


class CreationOptions(Model):
    """The settings that each request of a campaign may hold. Left out, they change nothing of it."""

    texts: Annotated[list[GivenTexts] | None, Field(max_length=50), Later] = None
    copy_language: Annotated[Literal["en", "zh"] | None, Later] = None
    voice: Annotated[Voice | None, Later] = None
    call_to_action: Annotated[CallToAction | None, Later] = None
    tracking: Annotated[Tracking | None, Later] = None
    genders: Annotated[list[Gender], Field(max_length=2), AfterValidator(unique), Later] = []
    languages: Annotated[list[Language], Field(max_length=20), AfterValidator(unique), Later] = []
    excluded_countries: Annotated[list[Country], Field(max_length=25), AfterValidator(unique), Later] = []
    regions: Annotated[list[PlaceKey], Field(max_length=200), AfterValidator(unique), Later] = []
    cities: Annotated[list[PlaceKey], Field(max_length=200), AfterValidator(unique), Later] = []
    audiences: Annotated[list[AudienceId], Field(max_length=50), AfterValidator(unique), Later] = []
    excluded_audiences: Annotated[list[AudienceId], Field(max_length=50), AfterValidator(unique), Later] = []
    keywords: Annotated[list[Keyword], Field(max_length=100), AfterValidator(unique), Later] = []
    negative_keywords: Annotated[list[Keyword], Field(max_length=500), AfterValidator(unique), Later] = []
    placements: Annotated[
        Literal["automatic"]
        | Annotated[list[Placement], Field(min_length=1, max_length=10), AfterValidator(unique)],
        Field(exclude_if=lambda value: value == "automatic"),
    ] = "automatic"

    @model_validator(mode="after")
    def _each_creative_once(self) -> Self:
        ids = [item.creative_id for item in self.texts or []]
        if len(set(ids)) != len(ids):
            raise ValueError("texts: two are of the same creative_id; give one for each")
        return self

    @model_validator(mode="after")
    def _no_audience_both_ways(self) -> Self:
        if both := sorted(set(self.audiences) & set(self.excluded_audiences)):
            raise ValueError(f"excluded_audiences: {', '.join(both)} is included as well")
        return self


BidStrategy = Literal["lowest_cost", "target_cpa", "target_roas"]


class Schedule(Model):
    """The times at which the platform starts and stops the delivery by itself."""

    start_time: Annotated[AwareDatetime | None, Later] = None
    end_time: Annotated[AwareDatetime | None, Later] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start_time and self.end_time and self.start_time >= self.end_time:
            raise ValueError("end_time: should be after start_time")
        return self
