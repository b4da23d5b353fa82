"""The shapes that every subject shares. Amounts are Decimal in the currency's major unit."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from campaign_automation.utils.money import LARGEST_AMOUNT
from campaign_automation.utils.validation import json_of

# ISO 3166-1 alpha-2, officially assigned (249 codes).
COUNTRIES = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS"
    " BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE"
    " EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM"
    " HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC"
    " LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA"
    " NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW"
    " SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO"
    " TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW".split()
)

AttributionSource = Literal["request", "account", "assumed"]


class Objective(StrEnum):
    SALES = "sales"
    TRAFFIC = "traffic"
    AWARENESS = "awareness"
    LEADS = "leads"
    ENGAGEMENT = "engagement"
    APP_PROMOTION = "app_promotion"


class Platform(StrEnum):
    META = "meta"
    TIKTOK = "tiktok"
    GOOGLE = "google"


class Role(StrEnum):
    """The rights of a caller: read; change; approve the proposals of others; run the deployment."""

    VIEWER = "viewer"
    BUYER = "buyer"
    APPROVER = "approver"
    OPERATOR = "operator"


class Level(StrEnum):
    """The kinds of platform objects, parents first.

    Not every platform has creatives as objects, and a split test over ad sets is part of no tree.
    """

    CAMPAIGN = "campaign"
    ADSET = "adset"
    CREATIVE = "creative"
    AD = "ad"
    SPLIT = "split"


def _object_of_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = json_of(value)
    except ValueError:
        return value
    return read if isinstance(read, dict) else value


# An object whose names are free is taken as its JSON text too: the schemas of Gemini know no such object.
OBJECT_OR_ITS_TEXT = BeforeValidator(_object_of_text)


class Record(BaseModel):
    """The base of what is stored and of what platforms answer: unknown fields are left out."""

    # Each model is built when it is first used, or by the function that needs it while that starts: building
    # all of them takes 0.2 s of a start.
    model_config = ConfigDict(defer_build=True)


class Model(BaseModel):
    """The base of all shapes: frozen, and unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Answer(Model):
    """The base of the answers of actions that change something.

    `replayed`: an earlier answer is repeated, since the idempotency key was used before.
    """

    replayed: bool = False


USUAL_HOURS = 48
# Left out of the JSON where it is usual: the digest of a request is that of versions before it.
ProposalHours = Annotated[
    int, Field(ge=1, le=168, strict=True, exclude_if=lambda value: value == USUAL_HOURS)
]


class Proposable(Model):
    """A request that may be proposed: with `mode` propose its plan is stored, and waits `proposal_hours`."""

    mode: Annotated[Literal["act", "propose"], Field(exclude_if=lambda value: value == "act")] = "act"
    proposal_hours: ProposalHours = USUAL_HOURS

    @property
    def proposes(self) -> bool:
        return self.mode == "propose"

    @model_validator(mode="after")
    def _acts_or_proposes(self) -> Self:
        if self.proposes and getattr(self, "dry_run", False):
            raise ValueError("mode: propose stores a plan, dry_run only shows it; give one of them")
        return self


def _country(value: str) -> str:
    # UK is only reserved in ISO 3166-1, but many callers write it.
    code = "GB" if value.upper() == "UK" else value.upper()
    if code not in COUNTRIES:
        raise ValueError("is not an ISO 3166-1 alpha-2 country code such as US, DE or JP")
    return code


_SMALLEST = Decimal("0.000001")


def _number(value: Any) -> Any:
    # Of pydantic's conversions none is wanted here: true would become 1, and "10" a number.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("should be a number")
    return value


def _as_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _large_enough(value: Decimal) -> Decimal:
    # Below any currency's smallest unit; an exponent like 1e-999999999 takes Decimal half a minute.
    if value < _SMALLEST:
        raise ValueError(f"should be at least {_SMALLEST}")
    return value


def unique(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("holds the same entry twice")
    return values


_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# Letters and signs by their Unicode category, that all the same show nothing: Hangul fillers, Braille blank.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def _is_visible(char: str) -> bool:
    # Marks and format characters (zero-width spaces and joiners, directions) show nothing by themselves.
    return unicodedata.category(char)[0] not in "CMZ" and char not in _BLANK


def _text(value: str) -> str:
    """Return the text as a platform and a log line can carry it: stripped, without control characters."""
    if _CONTROLS.search(value):
        raise ValueError("holds control characters")
    if not any(map(_is_visible, value)):
        raise ValueError("is empty: it has no visible character" if value.strip() else "is empty")
    return value.strip()


Amount = Annotated[
    Decimal,
    BeforeValidator(_number),
    PlainSerializer(_as_number, when_used="json"),
    WithJsonSchema({"type": "number"}),
]


PositiveAmount = Annotated[Amount, Field(gt=0, lt=LARGEST_AMOUNT), AfterValidator(_large_enough)]


Country = Annotated[str, AfterValidator(_country)]


Text = Annotated[str, AfterValidator(_text)]


Age = Annotated[int, Field(ge=13, le=65, strict=True)]


AgeGroup = tuple[Age, Age]


def _ages_in_order(group: AgeGroup) -> AgeGroup:
    if group[0] > group[1]:
        raise ValueError("begins above its end")
    return group


OrderedAges = Annotated[AgeGroup, AfterValidator(_ages_in_order)]


def _identity(value: str) -> str:
    """Return an id of a tenant or person as it is: two that differ in spaces alone are two."""
    if value != value.strip():
        raise ValueError("begins or ends with a space")
    return _text(value)


def _objective(value: Any) -> Any:
    # The Web Platform's word for it.
    return "sales" if value == "conversions" else value


Identity = Annotated[str, Field(max_length=128), AfterValidator(_identity)]


AnyObjective = Annotated[Objective, BeforeValidator(_objective)]


# API Gateway closes after 29 s; the answer must be on its way before that.
LONGEST_WAIT_SECONDS = 25
DEFAULT_WAIT_SECONDS = 20  # for a creation, where its caller names no time


class Context(Model):
    """The caller. Over HTTP tenant (`user_id`), person and roles come from the verified token alone."""

    # Stored keys are joined with # and secrets' names with /, so an id holds neither.
    user_id: Annotated[Identity, Field(pattern=r"^[^#/]+$")]
    person: Identity | None = None
    roles: frozenset[Role] = frozenset(Role)
    web_platform_user: Identity | None = None
    session_id: Annotated[Text, Field(max_length=128)] | None = None
    request_id: Annotated[Text, Field(max_length=128)] | None = None
    idempotency_key: Annotated[Text, Field(max_length=255)] | None = None
    language: Literal["en", "zh"] = "en"
    wait_seconds: Annotated[int, Field(ge=0, le=LONGEST_WAIT_SECONDS)] | None = (
        None  # for a creation in the state machine
    )
    # When the request came in (epoch milliseconds): not given by the caller, and not stored with it.
    asked_ms: Annotated[int | None, Field(exclude=True)] = None
    # The seconds within which the pauses that a platform asks for are waited out.
    deadline_seconds: Annotated[int, Field(ge=1, le=900)] = 120

    @property
    def is_named_operator(self) -> bool:
        """True when the role of an operator was given by name, and not by the default of one process."""
        return "roles" in self.model_fields_set and Role.OPERATOR in self.roles

    @property
    def actor(self) -> str:
        """The calling person, as the audit trail names them."""
        return f"user:{self.person or self.user_id}"


# A field that a later version added: left out of what is stored and answered as long as it is not used, so
# that digests of requests and stored rows stay those of the earlier version.
Later = Field(exclude_if=lambda value: not value)

Gender = Literal["female", "male"]


class Targeting(Model):
    """The people of one ad set. Without genders and languages: everybody of these ages in these countries."""

    age_min: int
    age_max: int
    countries: list[str]
    genders: Annotated[list[Gender], Later] = []
    languages: Annotated[list[str], Later] = []
    excluded_countries: Annotated[list[str], Later] = []
    regions: Annotated[list[str], Later] = []
    cities: Annotated[list[str], Later] = []
    audiences: Annotated[list[str], Later] = []
    excluded_audiences: Annotated[list[str], Later] = []

    @property
    def places(self) -> list[str]:
        """The regions and cities; where there are any, the ads are shown in these alone."""
        return [*self.regions, *self.cities]


class StoredTargeting(Record):
    """The part of an ad set's targeting that is understood; `more` names what else limits its people, and
    `beside` what is set without limiting them, as bids by device."""

    age_min: int | None = None
    age_max: int | None = None
    countries: list[str] = []
    genders: Annotated[list[Gender], Later] = []
    languages: Annotated[list[str], Later] = []
    places: Annotated[list[str], Later] = []  # regions and cities by the platform's keys
    excluded_countries: Annotated[list[str], Later] = []
    audiences: Annotated[list[str], Later] = []
    excluded_audiences: Annotated[list[str], Later] = []
    more: list[str] = []
    beside: Annotated[list[str], Later] = []


_NARROWING = ("genders", "languages", "places", "excluded_countries", "audiences", "excluded_audiences")


def narrowing_of(targeting: Targeting | StoredTargeting) -> list[str]:
    """Return what the people are narrowed by beside ages and countries, as "genders female"."""
    return [f"{name} {value}" for name in _NARROWING for value in getattr(targeting, name)]


class SpendEnvelope(NamedTuple):
    """The most that a platform may spend of one daily budget, in daily budgets: on a day, in a week, in a
    month."""

    day: Decimal
    week: Decimal
    month: Decimal


class AdAccount(Model):
    """The ad account, as one read of it showed it.

    `budget_step` is the smallest amount the platform takes and `min_daily_budget` the floor of one ad set,
    both in the major unit of `currency`; `facts` holds the values that only the platform's adapter
    understands. `ad_account_id` is the Web Platform's id of it.
    """

    ad_account_id: str | None = None
    platform_account_id: str
    currency: str
    time_zone: str
    budget_step: Amount
    min_daily_budget: Amount
    facts: dict[str, Any] = {}
