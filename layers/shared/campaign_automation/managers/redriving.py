"""The calls that scheduled functions failed at: shown to an operator, and made again on request."""

from __future__ import annotations

from campaign_automation.clients.dead_letters import DeadLetters, Letter
from campaign_automation.models.common import Context
from campaign_automation.models.messages import (
    MOST_MESSAGES,
    DeadLetter,
    DeadLettersRedriven,
    ListDeadLetters,
    NotRedriven,
    Redrive,
    RedriveDeadLetters,
)
from campaign_automation.models.messages import DeadLetters as DeadLettersShown
from campaign_automation.stores.operations.redrives import RedriveStore
from campaign_automation.utils.clock import now
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.languages.plurals import counted
from campaign_automation.utils.observability import logger
from campaign_automation.utils.redaction import redact

_MOST_READ = 500  # of a queue that knows no order: whoever asks for one letter has it among so many
_ERROR_LENGTH = 500


class Redriving:
    """The dead letters of the whole deployment, for callers who are named its operators; others see those of
    the own tenant only. A process without a queue has none."""

    def __init__(self, letters: DeadLetters | None, redrives: RedriveStore) -> None:
        self._letters = letters
        self._redrives = redrives

    async def list_letters(self, request: ListDeadLetters, caller: Context) -> DeadLettersShown:
        found: list[Letter] = []
        if self._letters is not None:
            found = await self._letters.receive(_MOST_READ)
            await self._letters.release(found)
        shown = [_shown(letter) for letter in _of(caller, found)][: request.limit]
        count = counted(len(shown), "failed call")
        return DeadLettersShown(letters=shown, message=f"{count} of scheduled functions")

    async def redrive(self, request: RedriveDeadLetters, caller: Context) -> DeadLettersRedriven:
        """Make calls again; each letter is deleted when its function has taken the call, and stays if not."""
        sent, failed = [], []
        if self._letters is not None:
            found = await self._letters.receive(_MOST_READ)
            chosen = _chosen(request, _of(caller, found))
            left = [letter for letter in found if letter not in chosen]
            for letter in chosen:
                if reason := await self._redriven(self._letters, letter, caller):
                    failed.append(NotRedriven(letter_id=letter.letter_id, reason=reason))
                    left.append(letter)
                else:
                    sent.append(letter.letter_id)
            await self._letters.release(left)
        message = f"{counted(len(sent), 'call')} made again"
        return DeadLettersRedriven(letter_ids=sent, failed=failed, message=message)

    async def _redriven(self, letters: DeadLetters, letter: Letter, caller: Context) -> str | None:
        """Make one call again, and return the reason when it was not."""
        redrive = Redrive(function=letter.function, actor=caller.actor, at=now())
        try:
            known = await self._redrives.find(letter.letter_id)
            if known is None or not known.is_sent:
                await self._redrives.note(letter.letter_id, redrive)
                await letters.send(letter)
                # Noted before the deletion: a letter that could not be deleted is not sent a second time.
                await self._redrives.note(letter.letter_id, redrive.model_copy(update={"is_sent": True}))
                logger.info(
                    "dead letter sent again",
                    letter_id=letter.letter_id,
                    function=redrive.function,
                    actor=redrive.actor,
                )
            await letters.delete(letter)
        except CampaignAutomationError as error:
            return error.message
        return None


def _of(caller: Context, letters: list[Letter]) -> list[Letter]:
    """Return the letters that a caller may see, the oldest first."""
    if not caller.is_named_operator:
        letters = [letter for letter in letters if letter.facts.get("tenant") == caller.user_id]
    return sorted(letters, key=lambda letter: (letter.failed_at, letter.letter_id))


def _chosen(request: RedriveDeadLetters, letters: list[Letter]) -> list[Letter]:
    if request.letter_ids is None:
        return letters[:MOST_MESSAGES]
    return [letter for letter in letters if letter.letter_id in request.letter_ids]


def _shown(letter: Letter) -> DeadLetter:
    """Show a letter without its input, of which callers of other tenants may have written parts."""
    facts = {name: str(value) for name, value in letter.facts.items() if isinstance(value, str)}
    return DeadLetter(
        letter_id=letter.letter_id,
        function=letter.function,
        failed_at=letter.failed_at,
        condition=letter.condition,
        error=redact(letter.error)[:_ERROR_LENGTH],
        tenant=facts.get("tenant"),
        item_id=facts.get("rule_id") or facts.get("test_id") or facts.get("campaign_id"),
        scheduled_time=facts.get("scheduled_time") or facts.get("time"),
    )
