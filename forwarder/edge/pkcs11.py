"""KEKs and session keys inside a PKCS#11 token: what enters it never comes out.

Ref: PKCS #11 v2.40. A KEK is a token object, not extractable, that may only unwrap. RFC 3394
envelopes become session objects (they die with the session, and never were in this process);
CMAC and keystream are made inside. ThingPark's tunnel has no unwrap mechanism in any token that was
tried: its one block is decrypted in the token and put back as a session object at once, so that the
session key is in this process for a moment, and the KEK never.

A token that was pulled, reset or reached again over a network has forgotten its session objects.
Every TokenKey keeps its envelope, so that it is unwrapped again in a new session.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as broken

from .errors import KekError, TokenError
from .keks import EnvelopeError, TokenSettings
from .secret_files import read_credential, read_private
from .values import KeyHandle, Scheme

RETRY_S = 5.0  # between tries to open a token that does not answer; a try can take seconds

T = TypeVar("T")
Template = dict[Attribute, Any]

# What a session key may do, and nothing else.
SESSION_KEY: Template = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.AES,
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.ENCRYPT: True,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.VERIFY: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}

# Said of the session or the token, not of what it was asked to do.
_GONE = (
    broken.SessionHandleInvalid,
    broken.SessionClosed,
    broken.DeviceRemoved,
    broken.DeviceError,
    broken.TokenNotPresent,
    broken.TokenNotRecognised,
    broken.UserNotLoggedIn,
    broken.SlotIDInvalid,
    broken.KeyHandleInvalid,
    broken.ObjectHandleInvalid,
    broken.UnwrappingKeyHandleInvalid,
)
_CANNOT = (broken.MechanismInvalid, broken.MechanismParamInvalid, broken.FunctionNotSupported)
_WRONG_PIN = (broken.PinIncorrect, broken.PinInvalid, broken.PinLenRange, broken.PinLocked)


class Token:
    """One token and this process's session with it; opened when it is first needed."""

    def __init__(
        self, settings: TokenSettings, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.generation = 0  # of the session; objects of another one are dead
        self.lock = RLock()
        self._monotonic = monotonic
        self._session: pkcs11.Session | None = None
        self._retry_at_s = 0.0
        self._pin_refused = False
        self._live: OrderedDict[int, TokenKey] = OrderedDict()  # by id, longest unused first

    def keks(self) -> list[TokenKek]:
        """The KEKs in the token: AES keys that may unwrap or decrypt. Raises TokenError."""
        return self.run(self._find_keks)

    def run(self, operation: Callable[[pkcs11.Session], T]) -> T:
        """`operation` in the session; once more in a new one if the old is gone. TokenError."""
        with self.lock:
            try:
                return operation(self._opened())
            except _GONE:
                self.close()
            try:
                return operation(self._opened())
            except _GONE as error:
                self.close()
                self._retry_at_s = self._monotonic() + RETRY_S
                raise TokenError(self._says(error)) from error

    def close(self) -> None:
        """End the session; its objects are gone. Never raises."""
        with self.lock:
            session, self._session = self._session, None
            if session is not None:
                self.generation += 1
                with suppress(pkcs11.PKCS11Error):  # it may be dead already
                    session.close()

    def used(self, key: TokenKey) -> None:
        """Keep count of which session objects are in use; the oldest makes room."""
        self._live[id(key)] = key
        self._live.move_to_end(id(key))
        while len(self._live) > self.settings.max_keys:
            _, oldest = self._live.popitem(last=False)
            oldest.release()

    def forget(self, key: TokenKey) -> None:
        self._live.pop(id(key), None)

    def _opened(self) -> pkcs11.Session:
        if self._session is None:
            self._session = self._open()
        return self._session

    def _open(self) -> pkcs11.Session:
        if self._pin_refused:  # a token locks itself after a few wrong PINs: never try one twice
            raise TokenError(f"{self._name()}: the PIN was refused; correct it, then restart")
        if self._monotonic() < self._retry_at_s:
            raise TokenError(f"{self._name()} does not answer; tried again in {RETRY_S:g} s")
        pin = self._pin() if self.generation == 0 else self._pin_again()
        try:
            return self._log_in(pin)
        except _WRONG_PIN as error:
            self._pin_refused = True
            raise TokenError(f"{self._name()}: the PIN is refused") from error
        except RuntimeError as error:  # PKCS11Error is one, and a library that does not load
            self._retry_at_s = self._monotonic() + RETRY_S
            raise TokenError(self._says(error)) from error

    def _log_in(self, pin: str) -> pkcs11.Session:
        library = pkcs11.lib(self.settings.module)
        try:
            return _session(library, self.settings.label, pin)
        except _WRONG_PIN:
            raise
        except pkcs11.PKCS11Error:
            pass
        # The library remembers slots as they were; only a new start of it finds a token that came
        # back. It ends all sessions of this process, and ours is closed.
        library.reinitialize()
        return _session(library, self.settings.label, pin)

    def _pin_again(self) -> str:
        try:
            return self._pin()
        except KekError as error:  # it was good once: no mistake of the configuration
            raise TokenError(f"{self._name()}: {error}") from error

    def _pin(self) -> str:
        settings = self.settings
        data = (
            read_private(Path(settings.pin_file))
            if settings.pin_file
            else read_credential(settings.pin_credential)
        )
        try:
            return data.decode().strip()
        except UnicodeDecodeError:
            raise KekError(f"{settings.pin_file or settings.pin_credential}: no text") from None

    def _find_keks(self, session: pkcs11.Session) -> list[TokenKek]:
        aes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES}
        found = search(session, {**aes, Attribute.TOKEN: True})
        return [
            TokenKek(self, str(key[Attribute.LABEL]), bytes(key[Attribute.ID]), key)
            for key in found
            if key[Attribute.LABEL] and (key[Attribute.UNWRAP] or key[Attribute.DECRYPT])
        ]

    def _name(self) -> str:
        return f"token {self.settings.label!r}"

    def _says(self, error: Exception) -> str:
        return f"{self._name()} ({self.settings.module}): {said(error)}"


def _session(library: Any, label: str, pin: str) -> pkcs11.Session:
    token = library.get_token(token_label=label)
    try:
        session: pkcs11.Session = token.open(rw=True, user_pin=pin)
    except broken.UserAlreadyLoggedIn:  # another session of this process has logged in for all
        session = token.open(rw=True)
    return session


class TokenKek:
    """A KEK that is in a token. See keks.Kek."""

    __slots__ = ("_id", "_key", "_token", "label", "version", "where")

    def __init__(self, token: Token, label: str, identity: bytes, key: Any) -> None:
        self.label = label
        # Our imports put the version into CKA_ID; what others imported is version 1.
        self.version = int.from_bytes(identity, "big") if 1 <= len(identity) <= 2 else 1
        self.version = self.version or 1
        self.where = "token"
        self._token = token
        self._id = identity
        self._key = (token.generation, key)

    def open(self, scheme: Scheme, wrapped: bytes) -> KeyHandle:
        """EnvelopeError if it does not open; TokenError if the token does not answer."""
        key = TokenKey(self._token, self, scheme, wrapped)
        with self._token.lock:
            key.object()
        return key

    def unwrap(self, session: pkcs11.Session, scheme: Scheme, wrapped: bytes) -> Any:
        """A session object of the key inside. EnvelopeError, or what the token says."""
        kek = self.object(session)
        self._refuse_use(kek, scheme)
        try:
            if scheme is Scheme.CBC0:
                return self._tunnel(session, kek, wrapped)
            return kek.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                wrapped,
                mechanism=Mechanism.AES_KEY_WRAP,
                template=dict(SESSION_KEY),
            )
        except _GONE:
            raise
        except _CANNOT as error:
            raise TokenError(
                f"token {self._token.settings.label!r} cannot open {scheme.value} envelopes: "
                f"{said(error)}; keep this KEK in a file"
            ) from error
        except pkcs11.PKCS11Error as error:
            # SoftHSM calls a damaged envelope a general error: ask for something that must work.
            _ = kek[Attribute.LABEL]
            raise EnvelopeError(f"the token refuses it: {said(error)}") from error

    def _refuse_use(self, kek: Any, scheme: Scheme) -> None:
        # The library gives a key the methods that the token allows it.
        if not hasattr(kek, "decrypt" if scheme is Scheme.CBC0 else "unwrap_key"):
            raise TokenError(
                f"KEK {self.label!r} in the token may not open {scheme.value} envelopes: import it "
                f"{'with' if scheme is Scheme.CBC0 else 'without'} --tunnel"
            )

    def _tunnel(self, session: pkcs11.Session, kek: Any, wrapped: bytes) -> Any:
        # The one place where a session key passes through this process; no name holds on to it.
        return session.create_object(
            {**SESSION_KEY, Attribute.VALUE: kek.decrypt(wrapped, mechanism=Mechanism.AES_ECB)}
        )

    def object(self, session: pkcs11.Session) -> Any:
        """The token's object, looked up once a session."""
        if self._key[0] != self._token.generation:
            wanted = {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.LABEL: self.label,
                Attribute.ID: self._id,
            }
            found = search(session, wanted)
            if not found:
                raise TokenError(f"KEK {self.label!r} is no longer in the token")
            self._key = (self._token.generation, found[0])
        return self._key[1]

    def check_value(self) -> str | None:
        def read(session: pkcs11.Session) -> str | None:
            try:
                return bytes(self.object(session)[Attribute.CHECK_VALUE]).hex() or None
            except (broken.AttributeTypeInvalid, broken.AttributeSensitive):
                return None

        return self._token.run(read)

    def __repr__(self) -> str:
        return f"<TokenKek {self.label!r} version {self.version}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


class TokenKey:
    """A session key in a token. See values.KeyHandle; every method raises TokenError."""

    __slots__ = ("_generation", "_kek", "_object", "_scheme", "_token", "_wrapped")

    def __init__(self, token: Token, kek: TokenKek, scheme: Scheme, wrapped: bytes) -> None:
        self._token = token
        self._kek: TokenKek | None = kek
        self._scheme = scheme
        self._wrapped = wrapped
        self._object: Any = None
        self._generation = -1

    def cmac(self, message: bytes) -> bytes:
        return self._use(lambda key: bytes(key.sign(message, mechanism=Mechanism.AES_CMAC)))

    def encrypt_blocks(self, blocks: bytes) -> bytes:
        if len(blocks) % 16:
            raise ValueError(f"whole blocks of 16 bytes expected, not {len(blocks)} bytes")
        return self._use(lambda key: bytes(key.encrypt(blocks, mechanism=Mechanism.AES_ECB)))

    def wipe(self) -> None:
        with self._token.lock:
            self._token.forget(self)
            self.release()
            self._kek, self._wrapped = None, b""

    def _use(self, operation: Callable[[Any], bytes]) -> bytes:
        with self._token.lock:
            try:
                return operation(self.object())
            except _CANNOT as error:
                raise self._failed(error) from error
            except pkcs11.PKCS11Error:
                # Whatever it was: a new session and a new object are the cure, or there is none.
                self._token.close()
            try:
                return operation(self.object())
            except (pkcs11.PKCS11Error, EnvelopeError) as error:
                raise self._failed(error) from error

    def _failed(self, error: Exception) -> TokenError:
        return TokenError(
            f"token {self._token.settings.label!r}: a session key cannot be used: {said(error)}"
        )

    def object(self) -> Any:
        """The session object, unwrapped again if its session has ended or it made room."""
        if self._object is None or self._generation != self._token.generation:
            kek = self._kek
            if kek is None:
                raise ValueError("this key was wiped")
            self._object = self._token.run(
                lambda session: kek.unwrap(session, self._scheme, self._wrapped)
            )
            self._generation = self._token.generation
        self._token.used(self)
        return self._object

    def release(self) -> None:
        """Give the object's place in the token back."""
        held, self._object = self._object, None
        if held is not None and self._generation == self._token.generation:
            with suppress(pkcs11.PKCS11Error):  # then it is gone with its session
                held.destroy()

    def __repr__(self) -> str:
        return "<TokenKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled")


def search(session: pkcs11.Session, wanted: Template) -> list[Any]:
    """All objects that fit, to the end: a search left open blocks the session."""
    try:
        # A search in a dead session fails twice, the second time on stderr; this fails once.
        session.generate_random(8)
    except _GONE:
        raise
    except pkcs11.PKCS11Error:
        pass  # a token need not have random numbers
    return list(session.get_objects(wanted))


def said(error: Exception) -> str:
    """What the library says in a word: its errors often have a name and no text."""
    return f"{type(error).__name__} {error}".strip()
