"""What a Join Server's HTTP answer means for what was asked. Pure.

Ref: TS002-1.0.0 sections 20 and 23. No error text holds anything of a body.
"""

from __future__ import annotations

from ..errors import EdgeError
from ..values import Envelope, KeyNews, KeyOrigin, Scheme
from .ask_plan import Ask
from .ts002 import (
    AppSKeyAns,
    AppSKeyReq,
    HomeNSAns,
    HomeNSReq,
    JoinAns,
    JoinReq,
    MessageError,
    RejoinAns,
    RejoinReq,
    Result,
    ResultCode,
    bare_result,
    parse,
)
from .ts002_values import Answer, Request

ANSWERS: dict[type[Request], type[Answer]] = {
    JoinReq: JoinAns,
    RejoinReq: RejoinAns,
    AppSKeyReq: AppSKeyAns,
    HomeNSReq: HomeNSAns,
}
DAY_S = 86_400
TELL_DAYS = 30  # a certificate takes people weeks
MENDABLE = (401, 403, 404)  # by a person: credentials, address
ABOUT_THE_REQUEST = (400, 409, 413, 422)  # another device's may do better


class NoAnswer(EdgeError):
    """What came is no answer to what was asked. `counter` says which of the status's numbers."""

    def __init__(self, counter: str, words: str, *, refuses: bool = False) -> None:
        super().__init__(words)
        self.counter = counter
        self.refuses = refuses


def judge(status: int, body: bytes, request: Request) -> Answer:
    """The answer to `request` in an HTTP response. Raises NoAnswer."""
    if 200 <= status < 300:
        return fitting(body, request)
    try:
        # Some say with the HTTP status too what the result code says better.
        answer = fitting(body, request)
    except NoAnswer:
        return _refusal(status, body, request)
    if answer.result.code is ResultCode.SUCCESS:  # which of the two is true, nobody knows
        raise NoAnswer("http_errors", f"HTTP status {status}", refuses=status in MENDABLE)
    return answer


def _refusal(status: int, body: bytes, request: Request) -> Answer:
    """What a bare result code (brocaar/lorawan) or a status about the request itself says."""
    result = bare_result(body)
    if result is None and status in ABOUT_THE_REQUEST:
        result = Result(ResultCode.MALFORMED_REQUEST, f"HTTP status {status}")
    if result is None or result.code is ResultCode.SUCCESS:
        raise NoAnswer("http_errors", f"HTTP status {status}", refuses=status in MENDABLE)
    return ANSWERS[type(request)](request.header.reply(), result)


def fitting(body: bytes, request: Request) -> Answer:
    """The answer in `body`, if it is one to `request`. Raises NoAnswer."""
    try:
        answer = parse(body)
    except MessageError as error:
        raise NoAnswer("garbage", f"not an answer: {error}") from None
    if type(answer) is not ANSWERS[type(request)]:
        raise NoAnswer(
            "garbage",
            f"{ANSWERS[type(request)].__name__} expected, {type(answer).__name__} came",
        )
    if answer.header.transaction != request.header.transaction:
        raise NoAnswer("strays", "an answer with another TransactionID")
    if isinstance(answer, AppSKeyAns) and isinstance(request, AppSKeyReq):
        _same_session(answer, request)
    assert isinstance(answer, JoinAns | AppSKeyAns | HomeNSAns)
    return answer


def _same_session(answer: AppSKeyAns, request: AppSKeyReq) -> None:
    """Raise NoAnswer if it is another's; what the server left out is not held against it."""
    if answer.dev_eui and answer.dev_eui != request.dev_eui:
        raise NoAnswer("strays", "an AppSKey of another device")
    if answer.session_id and answer.session_id != request.session_id:
        raise NoAnswer("strays", "an AppSKey of another session")


def envelopes(answer: Answer) -> list[Envelope]:
    """The keys in an answer."""
    match answer:
        case JoinAns():
            found = (
                answer.f_nwk_s_int,
                answer.s_nwk_s_int,
                answer.nwk_s_enc,
                answer.app_s_key,
            )
            return [one for one in found if one is not None]
        case AppSKeyAns():
            return [] if answer.app_s_key is None else [answer.app_s_key]
    return []


def in_clear(answer: Answer) -> bool:
    """Whether any of its keys travelled unwrapped."""
    return any(one.scheme is Scheme.CLEAR for one in envelopes(answer))


def asked_news(source: str, ask: Ask, answer: AppSKeyAns) -> KeyNews:
    """What an AppSKeyAns tells."""
    return KeyNews(
        source,
        KeyOrigin.APP_S_KEY_REQ,
        ask.dev_eui,
        join_eui=ask.join_eui,
        session_id=ask.session_id,
        app_s_key=answer.app_s_key,
    )


def joined_news(source: str, join_eui: str, request: JoinReq, answer: JoinAns) -> KeyNews:
    """What a JoinAns tells: a session that no frame has proven yet."""
    return KeyNews(
        source,
        KeyOrigin.JOIN,
        request.dev_eui,
        dev_addr=request.dev_addr,
        join_eui=join_eui,
        session_id=answer.session_id,
        app_s_key=answer.app_s_key,
        f_nwk_s_int=answer.f_nwk_s_int,
        s_nwk_s_int=answer.s_nwk_s_int,
        nwk_s_enc=answer.nwk_s_enc,
        lorawan_1_1=answer.lorawan_1_1,
        pending=True,
        lifetime_s=answer.lifetime_s,
    )


def days_left(ends_s: float | None, now_s: float) -> int | None:
    """Whole days until a certificate ends, negative afterwards. Seconds since 1970."""
    return None if ends_s is None else int((ends_s - now_s) // DAY_S)


def expiry_words(whose: str, ends_s: float | None, now_s: float) -> str | None:
    """What to tell about a certificate; None while it has weeks left."""
    days = days_left(ends_s, now_s)
    if days is None or days >= TELL_DAYS:
        return None
    if days < 0:
        return f"{whose} certificate has expired"
    return f"{whose} certificate expires in {days} days; renew it"
