"""The simulated chip's address map: where it acts, what it holds after a reset, what is read-only.

Written from the reference (sx1302-chip.md sections 2 to 13; reset bytes recorded from the vendor's
register table), on purpose independently of the driver's own map: two lists that agree are a check.
"""

from __future__ import annotations

SIZE = 0x8000  # 15 address bits

AGC_MEMORY = 0x0000
ARB_MEMORY = 0x2000
MEMORY_SIZE = 0x2000
RX_FIFO = 0x4000

TX_BASES = (0x5200, 0x5400)
TX_BLOCK_SIZE = 0x80
TX_BUFFER = 0x100  # offset of the payload buffer in a chain's block
TX_BUFFER_SIZE = 0x100

RADIO_MODE = 0x5601  # bits 0 and 1: radio A and B are SX1250
MODEM_ENABLE = 0x5605  # bit 0 service, 1 multi-SF, 2 FSK, 3 global
GPIO_OUT = 0x5643  # the host writes 1 when its start-up is done

SIGNAL_ANALYSER = 0x571B  # bit 1: listens to radio A
AGC_CONTROL = 0x5780  # bit 3: the host has the front ends, as while calibrating
AGC_STATUS = 0x5781
RADIO_CONTROL = (0x5783, 0x5784)  # bit 3: reset line of the radio, active low
AGC_MAIL_IN = (0x578C, 0x578B, 0x578A, 0x5789)  # host to controller, bytes 0 to 3
AGC_MAIL_OUT = (0x5790, 0x578F, 0x578E, 0x578D)

MULTI_IF = 0x5800  # two bytes a channel, most significant first
MULTI_RADIO = 0x5810
CORRELATOR_ENABLE = 0x5821
CORRELATOR_SFS = 0x5822
SYNC_SF7_TO_12 = 0x588E
RX_BUFFER_CONTROL = 0x58C0  # bit 2: legacy timestamps
RX_LEVEL = 0x58C8

SERVICE_IF = 0x5B00
SERVICE_RADIO = 0x5B02
SERVICE_RATE = 0x5B21  # bandwidth code in the high nibble, SF in the low one
SERVICE_MODEM = 0x5B22  # bit 3: on
SERVICE_SYNC = 0x5B2E
FSK_IF = 0x5B50
FSK_SYNC_SIZE = 0x5B53  # bits 5:3, less one
FSK_RADIO = 0x5B54  # bit 1
FSK_BITRATE = 0x5B5B
FSK_SYNC = 0x5B5D

ARB_CONTROL = 0x6080
ARB_STATUS = 0x6081
ARB_COUNTED_SF = 0x6089
ARB_GO = 0x608A
ARB_DUAL_SFS = 0x608C  # bit 0 is SF5
ARB_DEBUG_STATUS = 0x608D  # 0 to 7 detections by channel, 8 to 15 modems given

GPS_CONTROL = 0x6100
TIMESTAMPS = 0x6101  # four bytes captured at the last PPS, four bytes running
OTP_ADDRESS = 0x6180
OTP_DATA = 0x6181

_RESET = (
    (0x5205, "bb80"),
    (0x5208, "01"),
    (0x5220, "18"),
    (0x5225, "6c90"),
    (0x522A, "40"),
    (0x5240, "0f02"),
    (0x5243, "141a0b689723522556536564"),
    (0x5260, "5782210c"),
    (0x5266, "08"),
    (0x5268, "400614"),
    (0x526C, "0aa264"),
    (0x5601, "0b050280"),
    (0x5606, "10"),
    (0x5780, "14"),
    (0x5787, "01"),
    (0x5801, "8001801e80"),
    (0x5807, "80"),
    (0x5809, "32"),
    (0x580B, "3c"),
    (0x580D, "46"),
    (0x580F, "50"),
    (0x5811, "38"),
    (0x5815, "f0"),
    (0x581A, "01"),
    (0x5820, "ff"),
    (0x5822, "ffffffbb370b20302b16bb370b20302316bb370b20301b16bb380b20301b16bb"),
    (0x5842, "3a0b20301b16bb3c0b20301b16bb3c0b20301b16bb3c0b20301b16"),
    (0x5860, "080d"),
    (0x5864, "020302030508060402fefcfd030b130a"),
    (0x5875, "072a310b3c06192a8082050c"),
    (0x5883, "08"),
    (0x5885, "080334"),
    (0x5889, "1b020402040204178356cc50"),
    (0x5897, "74"),
    (0x5899, "8356cc50"),
    (0x589F, "740970030921ffffffff4053282030532540af0b07"),
    (0x58B7, "b87f"),
    (0x58BA, "5055555555"),
    (0x58C1, "ff"),
    (0x58C3, "15"),
    (0x58D9, "01"),
    (0x5B01, "80"),
    (0x5B03, "080d"),
    (0x5B07, "020302030508060402fefcfd030b130a"),
    (0x5B18, "072a310b3c06192a804782050c"),
    (0x5B27, "08"),
    (0x5B29, "0834"),
    (0x5B2C, "563b02041783940c53"),
    (0x5B36, "09700309214353281830772537af0b0755"),
    (0x5B51, "80"),
    (0x5B54, "0480"),
    (0x5B65, "04"),
    (0x6008, "02"),
    (0x6080, "24"),
    (0x6087, "01"),
    (0x6188, "ffffff01"),
)

_READ_ONLY = (
    (0x5211, "ff08"),
    (0x522B, "08"),
    (0x524F, "08"),
    (0x526F, "0f"),
    (0x5271, "08"),
    (0x5606, "ff01"),
    (0x5644, "0fff"),
    (0x5653, "01"),
    (0x5704, "ffff0f"),
    (0x570D, "3f"),
    (0x5711, "ffff0f"),
    (0x571A, "3fc0"),
    (0x571D, "ffff01"),
    (0x5780, "01ff"),
    (0x578D, "ffffffff01"),
    (0x57C1, "08"),
    (0x5818, "ff"),
    (0x581B, "01"),
    (0x585D, "01"),
    (0x58B4, "ffffff"),
    (0x58BF, "01"),
    (0x58C4, "0fff0fff1fffffffffffffffffffff03ffff03ffff"),
    (0x58DA, "ff01"),
    (0x5B47, "01"),
    (0x5B66, "01"),
    (0x6005, "01ff0f"),
    (0x6009, "01"),
    (0x6080, "01ff"),
    (0x608D, "ffffffffffffffffffffffffffffffff"),
    (0x60A1, "01"),
    (0x6101, "ffffffffffffffff"),
    (0x6111, "01"),
    (0x6181, "fff1"),
    (0x6187, "01"),
    (0x618C, "01"),
)


def _image(runs: tuple[tuple[int, str], ...]) -> bytes:
    """Runs of bytes laid out over the address space; TX chain B is TX chain A again."""
    image = bytearray(SIZE)
    for address, digits in runs:
        data = bytes.fromhex(digits)
        image[address : address + len(data)] = data
    first, second = TX_BASES
    image[second : second + TX_BLOCK_SIZE] = image[first : first + TX_BLOCK_SIZE]
    return bytes(image)


RESET = _image(_RESET)
READ_ONLY = _image(_READ_ONLY)  # a set bit is one that the host cannot change
