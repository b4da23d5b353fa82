"""Secrets taken out of texts before anybody reads them: log lines, errors, notices, what SDKs quote."""

from __future__ import annotations

import re

# Texts arrive in JSON within JSON, in URLs within URLs, in HTML: each mark has all these spellings. What
# repeats is possessive or has an end, since a pattern that tries again takes minutes over a hostile text.
_PERCENT = r"%(?:25)*+"
_ESCAPED = rf"(?:\\|{_PERCENT}5C)"
_HTML = r"&(?:amp;)*+"
_QUOTE = rf"(?:{_ESCAPED}*+(?:[\"']|{_PERCENT}2[27]|u002[27]|{_HTML}(?:quot|apos|#34|#39|#x27);))"
_LINE = rf"(?:[\r\n]|{_ESCAPED}++[rn]|{_PERCENT}0[AD])"
_SPACE = rf"(?:[\s+]|{_PERCENT}2[0B]|{_LINE})"
_LESS, _MORE = (
    rf"(?:<|{_HTML}lt;|{_PERCENT}3C|\\{{1,9}}+u003C)",
    rf"(?:>|{_HTML}gt;|{_PERCENT}3E|\\{{1,9}}+u003E)",
)
_IS = rf"(?:={_MORE}|[=:]|{_PERCENT}3[DA]|\\{{1,9}}+u003[DA])"
_COMMA = rf"(?:,|{_PERCENT}2C)"
_SLASH = rf"(?:{_ESCAPED}*+(?:/|{_PERCENT}2F))"
_ALONE = r"(?:(?<![a-z-])|(?<=\d[A-F])|(?<=\\[nrt])|(?<=5C[nrt]))"
_NO_WORD = r"(?!: [a-z]{1,15}(?![\w.~+/=-]))"  # which follows in a sentence
_API_KEY = rf"api(?:[_-]|{_SPACE})?key"
_NAMES = (
    rf"(?:access|refresh|auth|id|session|security|developer)[_-]?token|{_ALONE}token{_NO_WORD}"
    rf"|(?:client|app)[_-]?secret|{_ALONE}(?<!\d:)secret{_NO_WORD}"  # and no ARN
    rf"|appsecret_proof|secret[_-]?(?:access[_-]?key|string)|(?:(?<=[?&])|(?<=%26)|(?<=%3F))key"
    rf"|{_API_KEY}|private[_-]?key|password|passwd|passphrase|authorization|cookie|signature|credentials?"
)
_SCHEME = rf"(?:(?:bearer|basic|oauth|token|digest|key){_SPACE}++)?"
_QUOTED = r"(?P<quote>\\*+[\"'])(?:(?!(?P=quote))(?:\\.|.))*+"
_PLAIN = r"[^\s&\"',;(){}\[\]\\<>]++"
_VALUE = rf"(?:{_QUOTED}|{_QUOTE}?{_PLAIN}(?:;{_SPACE}*+{_PLAIN})*+)"  # cookies are several
# Several values in brackets, or one that is no text.
_HELD = r"(?:[\[({](?:[^\[\](){}]|[\[({][^\[\](){}]*+[\])}]?)*+[\])}]?|[\w.+-]++(?![\"'(%&\\]))"
# Texts, which `re` compiles when a line first needs them: a function that starts has no time for it.
_NAMED = (
    # After its scheme; "basic" is a word too.
    rf"(?i)(?P<name>bearer|\bbasic(?!(?-i:\s++[A-Z]?[a-z]{{1,15}}(?![\w=+/]))))(?P<between>{_SPACE}++)[\w.~+/=%-]++",
    # As in a mapping, a URL, a header or a form of several parts. A value in JSON becomes a text.
    rf"(?is)(?P<name>{_NAMES})(?:(?P<held>(?P<mark>{_QUOTE}){_SPACE}*+{_IS}{_SPACE}*+){_HELD}"
    rf"|(?P<between>(?:{_QUOTE}?{_SPACE}*+{_IS}|{_QUOTE}{_LINE}{{2,}}+){_SPACE}*+\[?(?:b(?={_QUOTE}))?{_SCHEME})"
    rf"{_VALUE})",
    # As a pair: ('name', b'value'), (key='name', value='value'), ["b'name'", "b'value'"].
    rf"(?is)(?<=[\"';27])(?P<name>[\w-]{{0,40}}(?:{_NAMES}))(?P<between>{_QUOTE}{{1,2}}+{_SPACE}*+{_COMMA}{_SPACE}*+"
    rf"(?:{_QUOTE}?value{_QUOTE}?{_SPACE}*+{_IS}{_SPACE}*+)?(?:{_QUOTE}?b)?)(?={_QUOTE}){_VALUE}",
    # As an element.
    rf"(?is)(?P<name>{_LESS}[\w:.%-]{{0,40}}?(?:{_NAMES}))"
    rf"(?P<between>(?:{_SPACE}[^<>]{{0,99}}?)?{_MORE}{_SPACE}*+(?:{_LESS}!\[CDATA\[)?){_VALUE}",
    # As in a sentence: there only what looks like a key, with letters among its digits, and is no id of ours.
    rf"(?is)(?P<name>token|secret|password|passphrase|{_API_KEY}|credential)"
    rf"(?P<between>(?:{_SPACE}++(?:is|was|value))?(?:{_SPACE}|{_QUOTE}|[=:`(<\[])++)"
    r"(?!(?:cmp|run|abt|prop|rule|req|act|user)_)(?=[a-z]*+\d++[a-z]++\d)[a-z\d]{16}[\w.~+/=-]*+",
    # Before a host.
    rf"(?i)(?P<name>(?::|{_PERCENT}3A){_SLASH}{{2}})(?P<between>[^/\s:@\"']{{0,200}}:)[^/\s@\"']++(?=@)",
    rf"(?i)(?P<name>(?::|{_PERCENT}3A){_SLASH}{{2}})(?P<between>)"
    rf"(?:[^/\s:@\"'?#]{{16,}}+(?=@)|(?:(?!{_PERCENT}(?:2F|40))[\w.%~+-]){{1,200}}?(?={_PERCENT}40))",
)
# Keys that tell by themselves what they are: of Meta, Google, webhooks, signed tokens and key files.
_SHAPES = (
    r"EAA[A-Za-z0-9]{24,}+|ya29\.[\w.-]{10,}+|1(?:(?:\\|%(?:25)*+5[Cc])*+(?:/|%(?:25)*+2[Ff])){2}0[\w-]{10,}+"
    r"|AIza[\w-]{30,}+|GOCSPX-[\w-]{10,}+|whsec_[\w+/=-]{16,}+|(?<!\d)\d{6,20}+(?:\||%(?:25)*+7[Cc])[\w-]{20,}+"
    r"|eyJ[\w-]{1,500}\.eyJ[\w-]++\.[\w-]*+|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*+"
)
# Without any of these in a text none of the patterns matches. None has an i, of which they take more kinds,
# but where the case matters.
_SIGNS = (
    "token secret key pass author cook nature credent bearer bas @ %40 2540"
    " eaa ya29. //0 \\/0 2f0 aiza gocspx whsec_ | %7c 257c eyj"
).split()
REDACTED = "[redacted]"
_LEAST_SECRET = 16  # what is shorter may be a word
_MOST_SECRETS = 200
_secrets: dict[str, None] = {}  # that this process holds, the latest last


def keep_secret(value: str) -> None:
    """Have `redact` take `value` out wherever it stands: a platform may not say what it quotes."""
    if len(value) >= _LEAST_SECRET and value not in _secrets:
        _secrets[value] = None
        if len(_secrets) > _MOST_SECRETS:
            _secrets.pop(next(iter(_secrets)), None)


def redact(text: str) -> str:
    """Return `text` without the values of tokens, proofs, keys and passwords: SDKs quote whole requests."""
    for secret in tuple(_secrets):
        if secret in text:
            text = text.replace(secret, REDACTED)
    folded = text.casefold()
    if not any(sign in folded for sign in _SIGNS):
        return text  # as most lines of a log: the patterns would take longer than writing it
    text = re.sub(_SHAPES, REDACTED, text)
    for pattern in _NAMED:
        text = re.sub(pattern, _without_value, text)
    return text


def _without_value(found: re.Match[str]) -> str:
    of = found.groupdict(default="")
    if held := of.get("held"):
        return f"{of['name']}{held}{of['mark']}{REDACTED}{of['mark']}"
    return f"{of['name']}{of['between']}{of.get('quote', '')}{REDACTED}"
