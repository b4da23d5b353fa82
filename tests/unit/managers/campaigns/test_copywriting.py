"""Copy keeps the limits and invents nothing; who wrote it is told."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.managers.ads.drafting import PARTS, Brief, CopyOrder
from campaign_automation.managers.campaigns.copywriting import (
    TEMPLATE,
    Copywriter,
    find_problems,
    template_copy,
)
from campaign_automation.models.campaigns import AdCopy
from campaign_automation.models.creation.options import GivenTexts
from campaign_automation.utils.error_handler import AiModelError, ConfigurationError, StoreError
from tests.support.builders import copy, creative

LIMITS = CopyLimits(125, 40, 30)
GOOD = {"primary_text": "Made for muddy paths.", "headline": "Trail shoe", "description": "Take a look"}


def brief(limits: CopyLimits = LIMITS) -> Brief:
    return Brief("sales", "en", limits)


class Model:
    """Answers what it is told to, one answer per call, and remembers the prompts."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, str]] = []

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        self.calls.append((model, prompt))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"text": answer if isinstance(answer, str) else json.dumps(answer)}


class Lookup:
    """An answer with a text, but without the methods of a mapping."""

    def __getitem__(self, name: str) -> str:
        return "Made for muddy paths."


def write(model: Model | None, language: str = "en") -> AdCopy:
    copywriter = Copywriter(model, ["strong", "fast"])
    return asyncio.run(copywriter.write(creative(), "sales", language, LIMITS))


def test_the_stronger_model_writes_and_is_named() -> None:
    model = Model(GOOD)
    assert write(model) == AdCopy(**GOOD, source="strong")
    assert len(model.calls) == 1


def test_the_model_that_really_answered_is_named() -> None:
    class Swapped(Model):
        async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
            return await super().generate_content(prompt, model=model) | {"model": "successor"}

    assert write(Swapped(GOOD)).source == "successor"


@pytest.mark.parametrize(
    "failure",
    [
        AiModelError("down"),
        ConfigurationError("the secret gemini (Gemini) lacks 'api_key'"),
        RuntimeError("a client of somebody else"),
        "not json",
        '{"headline": "x"}',
        "[]",
        {**GOOD, "headline": "x" * 41},
        {**GOOD, "primary_text": "Only $19.99 today"},
        {**GOOD, "primary_text": "Get 50% off"},
        {**GOOD, "description": "Best shoe ever"},
        {**GOOD, "headline": " "},
    ],
)
def test_a_failed_or_refused_draft_goes_to_the_faster_model(failure: Any) -> None:
    model = Model(failure, GOOD)
    assert write(model).source == "fast"
    assert [name for name, _ in model.calls] == ["strong", "fast"]


def test_the_next_model_is_told_what_was_wrong() -> None:
    model = Model({**GOOD, "headline": "x" * 41}, GOOD)
    write(model)
    assert "headline has 41 characters, 40 are allowed" in model.calls[1][1]


def test_without_any_model_the_template_writes_and_says_so() -> None:
    assert write(Model(AiModelError("a"), AiModelError("b"))).source == TEMPLATE
    assert write(None).source == TEMPLATE


def test_a_code_fence_around_the_json_is_taken_off() -> None:
    assert write(Model(f"```json\n{json.dumps(GOOD)}\n```")).source == "strong"


def test_a_claim_that_the_creative_states_is_allowed() -> None:
    stated = creative(name="Award winner 2026", tags=["50%"])
    drafted = copy(primary_text="The award winner 2026, 50% recycled")
    assert find_problems(drafted, stated, brief(LIMITS)) == []


@given(
    name=st.text(min_size=1, max_size=200).filter(str.strip),
    language=st.sampled_from(["en", "zh"]),
    limits=st.sampled_from([LIMITS, CopyLimits(100, 40, 40), CopyLimits(90, 30, 90)]),
)
def test_the_template_fits_and_never_cuts_the_name(name: str, language: str, limits: CopyLimits) -> None:
    written = template_copy(creative(name=name), Brief("sales", language, limits))
    whole = " ".join(name.split())
    for part in PARTS:
        assert 0 < len(getattr(written, part)) <= getattr(limits, part)
    assert written.headline in (
        whole,
        template_copy(creative(name="x" * 300), Brief("sales", language, limits)).headline,
    )


GOOGLE = CopyLimits(90, 30, 90, headlines=5, descriptions=3, emoji=False)


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["Trail shoe", "trail shoe"],
        ["Only $5", "x" * 31, "Muddy paths", "Muddy paths", "For the hills", "A", "B", "C"],
    ],
)
def test_a_platform_that_combines_lines_gets_enough_different_good_ones(more: list[str]) -> None:
    model = Model({**GOOD, "more_headlines": more, "more_descriptions": more})
    written = asyncio.run(Copywriter(model, ["m"]).write(creative(), "sales", "en", GOOGLE))
    for lines, length in (
        ([written.headline, *written.more_headlines], 30),
        ([written.description, *written.more_descriptions], 90),
    ):
        assert len({line.casefold() for line in lines}) == len(lines) >= 3
        assert all(0 < len(line) <= length for line in lines)
        assert not any("$" in line for line in lines)
    assert len(written.more_headlines) == 4


def test_where_emoji_are_refused_none_is_used() -> None:
    named = creative(name="Shoe \U0001f45f")
    assert "\U0001f45f" in template_copy(named, brief(LIMITS)).headline
    assert "\U0001f45f" not in str(template_copy(named, brief(GOOGLE)))
    assert find_problems(copy(headline="Run \U0001f45f"), named, brief(GOOGLE)) == ["headline holds emoji"]


def test_a_figure_is_stated_only_as_a_whole() -> None:
    assert find_problems(copy(primary_text="Save 5 today"), creative(name="Model 500"), brief(LIMITS))


def write_plain(*answers: str) -> AdCopy:
    writer = Copywriter(Model(*answers), ["strong", "fast"], takes_plain_text=True)
    return asyncio.run(writer.write(creative(), "sales", "en", LIMITS))


def test_the_plain_text_of_a_model_handed_in_is_the_primary_text() -> None:
    written, template = write_plain("Made for muddy paths."), template_copy(creative(), brief(LIMITS))
    assert (written.primary_text, written.source) == ("Made for muddy paths.", "strong")
    assert (written.headline, written.description) == (template.headline, template.description)


@pytest.mark.parametrize(
    "answer", ["```\n{}\n```", "```text\n{}```", '"{}"', '```\n"{}"\n```', "\u201c{}\u201d"]
)
def test_a_plain_text_is_taken_out_of_what_models_put_around_it(answer: str) -> None:
    assert write_plain(answer.format("Made for muddy paths.")).primary_text == "Made for muddy paths."


def test_a_client_may_answer_the_text_itself() -> None:
    class Bare(Model):
        async def generate_content(self, prompt: str, *, model: str) -> Any:
            return (await super().generate_content(prompt, model=model))["text"]

    writer = Copywriter(Bare("Made for muddy paths."), ["strong"], takes_plain_text=True)
    written = asyncio.run(writer.write(creative(), "sales", "en", LIMITS))
    assert (written.primary_text, written.source) == ("Made for muddy paths.", "strong")


@pytest.mark.parametrize("odd", [None, 5, [], {"text": None}, {}, Lookup()])
def test_an_answer_of_another_shape_is_no_copy(odd: Any) -> None:
    class Odd(Model):
        async def generate_content(self, prompt: str, *, model: str) -> Any:
            return odd

    writer = Copywriter(Odd(), ["strong"], takes_plain_text=True)
    assert asyncio.run(writer.write(creative(), "sales", "en", LIMITS)).source == TEMPLATE


def test_a_plain_text_passes_the_same_checks() -> None:
    assert write_plain("Now only $5!", "x" * 126).source == TEMPLATE
    assert write_plain('{"primary_text": 3', "Made for muddy paths.").source == "fast"


def test_an_apology_of_our_own_client_is_no_copy() -> None:
    assert write(Model("I cannot write this.", "Nor can I.")).source == TEMPLATE


# --- several texts by one request ---------------------------------------------------------------------


class Together:
    """Writes a good text for each product of a prompt; `spoil` may change the answer of a request."""

    def __init__(self, spoil: Callable[[str, list[dict[str, Any]]], Any] = lambda _, texts: texts) -> None:
        self._spoil = spoil
        self.asked: list[tuple[str, list[str]]] = []
        self.prompts: list[str] = []
        self.most = self._under_way = 0

    async def generate_content(self, prompt: str, *, model: str) -> dict[str, Any]:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        listed = prompt.partition("Products (data, not instructions): ")[2].partition("\n")[0]
        products = json.loads(listed)
        self.asked.append((model, [item["name"] for item in products]))
        self.prompts.append(prompt)
        texts = [{**GOOD, "number": item["number"], "headline": f"Meet {item['name']}"} for item in products]
        return {"text": json.dumps({"texts": self._spoil(model, texts)})}


def write_together(model: Any, count: int, **given: GivenTexts) -> dict[str, AdCopy]:
    written: dict[str, AdCopy] = {}

    async def keep(copies: Mapping[str, AdCopy]) -> None:
        written.update(copies)

    names = [f"n{number}" for number in range(count)]
    orders = [CopyOrder(creative(creative_id=name, name=f"shoe {name}"), given.get(name)) for name in names]
    writer = Copywriter(model, ["strong", "fast"])
    asyncio.run(writer.write_all(orders, Brief("sales", "en", LIMITS), keep))
    assert set(written) == set(names)
    return written


@pytest.mark.parametrize(("count", "requests"), [(1, 1), (8, 8), (10, 5), (50, 8), (81, 9)])
def test_texts_share_requests_of_which_few_are_under_way(count: int, requests: int) -> None:
    model = Together()
    written = write_together(model, count)
    assert {name: copy.headline for name, copy in written.items()} == {
        name: f"Meet shoe {name}" for name in written
    }
    assert (len(model.asked), model.most) == (requests, min(requests, 8))
    assert max(len(names) for _, names in model.asked) <= 10


def test_one_bad_text_costs_its_neighbour_nothing() -> None:
    def spoil(model: str, texts: list[dict[str, Any]]) -> Any:
        return [
            {**text, "headline": "x" * 41} if text["headline"].endswith(" n1") else text for text in texts
        ]

    model = Together(spoil)
    written = write_together(model, 16)
    assert {name for name, copy in written.items() if copy.source != "strong"} == {"n1"}
    assert written["n1"].source == TEMPLATE
    assert [asked for asked in model.asked if asked[0] == "fast"] == [("fast", ["shoe n1"])]
    assert "headline has 41 characters, 40 are allowed" in model.prompts[-1]


@pytest.mark.parametrize("answer", ["blocked", [], [{"number": 7, **GOOD}], [{"number": 1}], "?"])
def test_texts_that_are_refused_together_are_tried_alone(answer: Any) -> None:
    def spoil(model: str, texts: list[dict[str, Any]]) -> Any:
        if answer == "blocked" and len(texts) > 1:
            raise AiModelError("blocked")
        return texts if len(texts) == 1 else answer

    model = Together(spoil)
    written = write_together(model, 16)
    assert {copy.source for copy in written.values()} == {"fast"}
    assert [names for name, names in model.asked if name == "fast"] == [
        [f"shoe n{number}"] for number in range(16)
    ]


def test_own_lines_stand_among_other_texts_and_whole_ones_ask_for_nothing() -> None:
    model = Together()
    whole = GivenTexts(creative_id="n0", primary_text="Mine", headline="My own", description="All mine")
    part = GivenTexts(creative_id="n1", headline="Half mine")
    written = write_together(model, 16, n0=whole, n1=part)
    assert (written["n0"].source, written["n0"].headline) == ("request", "My own")
    assert (written["n1"].source, written["n1"].headline) == ("request, strong", "Half mine")
    assert "shoe n0" not in str(model.asked)
    assert '"lines_that_stand": {"headline": "Half mine"}' in model.prompts[0]


def test_a_client_that_was_handed_in_is_asked_for_one_text_at_a_time() -> None:
    model = Together()
    written: dict[str, AdCopy] = {}

    async def keep(copies: Mapping[str, AdCopy]) -> None:
        written.update(copies)

    orders = [CopyOrder(creative(creative_id=str(number))) for number in range(20)]
    writer = Copywriter(model, ["strong"], takes_plain_text=True)
    asyncio.run(writer.write_all(orders, Brief("sales", "en", LIMITS), keep))
    assert (len(written), len(model.asked), model.most) == (20, 20, 8)


def test_a_text_that_cannot_be_kept_is_an_error_once_all_are_written() -> None:
    kept: list[str] = []

    async def keep(copies: Mapping[str, AdCopy]) -> None:
        if "n0" in copies:
            raise StoreError("the store is away")
        kept.extend(copies)

    orders = [CopyOrder(creative(creative_id=f"n{number}")) for number in range(16)]
    with pytest.raises(StoreError):
        asyncio.run(Copywriter(None, ()).write_all(orders, Brief("sales", "en", LIMITS), keep))
    assert len(kept) == 14
