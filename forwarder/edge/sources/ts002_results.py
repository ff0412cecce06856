"""Result codes of the Backend Interfaces, and what whoever asked does about each. Pure.

Ref: LoRa Alliance Backend Interfaces 1.0 (TS002-1.0.0) table "ResultCode", and those that 1.1 adds.
"""

from __future__ import annotations

from enum import Enum


class Reaction(Enum):
    """What a client does with an answer."""

    PROCEED = "proceed"
    RETRY_LATER = "retry later"  # for this device, after minutes, growing
    CONFIG_ERROR = "configuration"  # for the owner to mend; tried again slowly
    NEVER = "never"  # the same request will not be granted
    TRY_OTHER_VERSION = "other version"  # once, then a configuration error
    DROP = "drop"  # nothing to do and nothing to report


class ResultCode(Enum):
    """Every code of 1.0 and 1.1; what is none of them is read as OTHER."""

    SUCCESS = "Success"
    NO_ACTION = "NoAction"
    MIC_FAILED = "MICFailed"
    FRAME_REPLAYED = "FrameReplayed"
    JOIN_REQ_FAILED = "JoinReqFailed"
    NO_ROAMING_AGREEMENT = "NoRoamingAgreement"
    DEV_ROAMING_DISALLOWED = "DevRoamingDisallowed"
    ROAMING_ACT_DISALLOWED = "RoamingActDisallowed"
    ACTIVATION_DISALLOWED = "ActivationDisallowed"
    UNKNOWN_DEV_EUI = "UnknownDevEUI"
    UNKNOWN_DEV_ADDR = "UnknownDevAddr"
    UNKNOWN_SENDER = "UnknownSender"
    UNKNOWN_RECEIVER = "UnkownReceiver"  # the standard's own spelling
    DEFERRED = "Deferred"
    XMIT_FAILED = "XmitFailed"
    INVALID_FPORT = "InvalidFPort"
    INVALID_PROTOCOL_VERSION = "InvalidProtocolVersion"
    STALE_DEVICE_PROFILE = "StaleDeviceProfile"
    MALFORMED_REQUEST = "MalformedRequest"  # 1.0
    MALFORMED_MESSAGE = "MalformedMessage"  # 1.1
    FRAME_SIZE_ERROR = "FrameSizeError"
    OTHER = "Other"

    @property
    def reaction(self) -> Reaction:
        return _REACTIONS[self]

    @classmethod
    def read(cls, text: str) -> ResultCode:
        """The code that `text` means, in any case and with the spellings met in the field."""
        return _READ.get(text.strip().casefold(), cls.OTHER)


_REACTIONS = {
    ResultCode.SUCCESS: Reaction.PROCEED,
    ResultCode.NO_ACTION: Reaction.DROP,
    ResultCode.MIC_FAILED: Reaction.NEVER,
    ResultCode.FRAME_REPLAYED: Reaction.DROP,
    ResultCode.JOIN_REQ_FAILED: Reaction.RETRY_LATER,
    ResultCode.NO_ROAMING_AGREEMENT: Reaction.CONFIG_ERROR,
    ResultCode.DEV_ROAMING_DISALLOWED: Reaction.CONFIG_ERROR,
    ResultCode.ROAMING_ACT_DISALLOWED: Reaction.CONFIG_ERROR,
    ResultCode.ACTIVATION_DISALLOWED: Reaction.RETRY_LATER,
    ResultCode.UNKNOWN_DEV_EUI: Reaction.RETRY_LATER,
    ResultCode.UNKNOWN_DEV_ADDR: Reaction.RETRY_LATER,
    ResultCode.UNKNOWN_SENDER: Reaction.CONFIG_ERROR,
    ResultCode.UNKNOWN_RECEIVER: Reaction.CONFIG_ERROR,
    ResultCode.DEFERRED: Reaction.RETRY_LATER,
    ResultCode.XMIT_FAILED: Reaction.RETRY_LATER,
    ResultCode.INVALID_FPORT: Reaction.CONFIG_ERROR,
    ResultCode.INVALID_PROTOCOL_VERSION: Reaction.TRY_OTHER_VERSION,
    ResultCode.STALE_DEVICE_PROFILE: Reaction.RETRY_LATER,
    ResultCode.MALFORMED_REQUEST: Reaction.CONFIG_ERROR,
    ResultCode.MALFORMED_MESSAGE: Reaction.CONFIG_ERROR,
    ResultCode.FRAME_SIZE_ERROR: Reaction.CONFIG_ERROR,
    ResultCode.OTHER: Reaction.RETRY_LATER,  # AppSKeyReq has no better word for a lost session
}

_READ = {code.value.casefold(): code for code in ResultCode} | {
    "unknownreceiver": ResultCode.UNKNOWN_RECEIVER,
    "roamingactdisalloweda": ResultCode.ROAMING_ACT_DISALLOWED,  # brocaar/lorawan
}
