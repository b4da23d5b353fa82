"""Budgets: decimals in major units, with floors, ceilings and precision by currency."""

from decimal import Decimal

from local.sandbox.tiktok.errors import missing, wrong
from local.sandbox.tiktok.params import Params
from local.sandbox.tiktok.store import Account

# Source: "Budget verification ratio and value range for each currency".
_RATIOS = {
    1: "AED ARS AUD BRL CAD CHF EUR GBP HUF ILS MYR NZD PEN QAR RON SAR SGD USD",
    4: "PLN",
    10: "BOB CNY CZK DKK EGP GTQ HKD HNL MOP MXN NIO NOK SEK THB TRY TWD UAH UYU ZAR",
    50: "PHP",
    100: "BDT DZD INR ISK JPY KES NGN PKR RUB",
    1000: "CLP COP CRC KRW",
    10_000: "IDR PYG VND",
    100_000: "VEF",
}
RATIO = {currency: ratio for ratio, names in _RATIOS.items() for currency in names.split()}
WHOLE_UNITS = frozenset("JPY KRW HUF CLP ISK IDR TWD PYG VND".split())
BASE = {"campaign": 50, "adgroup": 20}
CEILING = 10_000_000


def step(account: Account) -> Decimal:
    return Decimal(1) if account.currency in WHOLE_UNITS else Decimal("0.01")


def read_budget(params: Params, account: Account, noun: str, name: str = "budget", days: int = 1) -> Decimal:
    """A checked amount; `days` is how long a lifetime budget must last. Raises TikTokError."""
    budget = params.amount(name)
    if budget is None:
        raise missing(name)
    ratio = RATIO[account.currency]
    floor = BASE[noun] * ratio * days
    if budget < floor:
        raise wrong(f"{name}: The budget should be at least {floor} {account.currency}.")
    if budget >= CEILING * ratio:
        raise wrong(f"{name}: The budget should be less than {CEILING * ratio} {account.currency}.")
    if budget % step(account):
        raise wrong(f"{name}: The precision of {account.currency} is {step(account)}.")
    return budget
