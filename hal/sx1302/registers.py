"""The SX1302 register map, declared once: every field that the driver needs.

One line a field, in the order of addresses and with Semtech's names (sx1302_hal: loragw_reg),
written [msb:lsb]. Nothing else in the driver knows an address.
"""

from __future__ import annotations

from .field import Block, ro, rw

# Memories: bytes without fields.
AGC_MEM = 0x0000       # AGC MCU program, while the host owns it
ARB_MEM = 0x2000       # ARB MCU program, while the host owns it
MEM_SIZE = 8192
RX_FIFO = 0x4000       # a burst read takes successive bytes from the RX buffer
RX_FIFO_SIZE = 4096
TX_BUFFER = (0x5300, 0x5500)  # payload, by TX chain; writable while WRITE_BUFFER is 1


class TxTop(Block, base=0):
    """One TX chain; see TX_TOP for where they are."""

    TX_FSM_CLR              = rw(0x00, 3)
    TX_TRIG_GPS             = rw(0x00, 2)
    TX_TRIG_DELAYED         = rw(0x00, 1)
    TX_TRIG_IMMEDIATE       = rw(0x00, 0)
    TX_TRIG                 = rw(0x00, 2, 0)              # the three triggers together
    TIMER_DELAYED_TRIG      = rw(0x01, 31, 0)             # 32 MHz ticks
    TX_START_DELAY          = rw(0x05, 15, 0, reset=0xBB80)   # 32 MHz ticks
    WRITE_BUFFER            = rw(0x07, 0)
    TX_RAMP_DURATION        = rw(0x08, 2, 0, reset=1)
    MODULATION_TYPE         = rw(0x09, 0)                 # 0 LoRa and CW, 1 FSK
    TX_TIMEOUT              = rw(0x0B, 1)
    PKT_DONE                = rw(0x0B, 0)
    AGC_TX_BW               = rw(0x0C, 7, 0)
    AGC_TX_PWR              = rw(0x0D, 7, 0)
    TX_STATUS               = ro(0x11, 7, 0)              # TX_FSM_STATUS
    PLL_DIV_CTRL            = rw(0x20, 7, 5)
    TX_CLK_EDGE             = rw(0x20, 4, reset=1)
    TX_MODE                 = rw(0x20, 3, reset=1)
    TX_IF_DST               = rw(0x20, 2)
    TX_IF_SRC               = rw(0x20, 1, 0)              # 0 CW tone, 1 LoRa, 2 FSK
    SX125X_IQ_INVERT        = rw(0x21, 1)
    PLL_DIV_CTRL_AGC        = rw(0x21, 0)
    IQ_GAIN                 = rw(0x22, 1, 0)              # the gain table's dig_gain
    I_OFFSET                = rw(0x23, 7, 0)
    Q_OFFSET                = rw(0x24, 7, 0)
    FREQ_RF                 = rw(0x25, 23, 0, reset=0x6C9000)
    FREQ_DEV                = rw(0x28, 11, 0)
    TEST_MOD_FREQ           = rw(0x2A, 7, 0, reset=64)    # CW tone
    FSK_PKT_LENGTH          = rw(0x40, 7, 0, reset=15)
    FSK_TX_CONT             = rw(0x41, 5)
    FSK_CRC_IBM             = rw(0x41, 4)
    FSK_DCFREE_ENC          = rw(0x41, 3, 2)
    FSK_CRC_EN              = rw(0x41, 1, reset=1)
    FSK_PKT_MODE            = rw(0x41, 0)
    FSK_PREAMBLE_SIZE       = rw(0x42, 15, 0, reset=20)
    FSK_BIT_RATE            = rw(0x44, 15, 0, reset=0x1A0B)
    FSK_REF_PATTERN_SIZE    = rw(0x46, 7, 5, reset=3)
    FSK_PREAMBLE_SEQ        = rw(0x46, 4)
    FSK_REF_PATTERN_EN      = rw(0x46, 3, reset=1)
    FSK_GAUSSIAN_SELECT_BT  = rw(0x46, 2, 1)
    FSK_GAUSSIAN_EN         = rw(0x46, 0)
    FSK_REF_PATTERN         = rw(0x47, 63, 0, reset=0x9723522556536564)
    MODEM_BW                = rw(0x60, 7, 4, reset=5)
    MODEM_SF                = rw(0x60, 3, 0, reset=7)
    PPM_OFFSET_HDR_CTRL     = rw(0x61, 7, 6, reset=2)
    PPM_OFFSET              = rw(0x61, 5, 4)
    POST_PREAMBLE_GAP_LONG  = rw(0x61, 3)
    CODING_RATE             = rw(0x61, 2, 0, reset=2)
    FINE_SYNCH_EN           = rw(0x62, 7)
    MODEM_EN                = rw(0x62, 6)
    CADRXTX                 = rw(0x62, 5, 4, reset=2)
    IMPLICIT_HEADER         = rw(0x62, 1)
    CRC_EN                  = rw(0x62, 0, reset=1)
    PAYLOAD_LENGTH          = rw(0x63, 7, 0, reset=12)
    MODEM_START             = rw(0x65, 7)
    PREAMBLE_SYMB_NB        = rw(0x66, 15, 0, reset=8, lsb_first=True)
    CHIRP_LOWPASS           = rw(0x69, 6, 4)
    CONTCHIRP               = rw(0x69, 2, reset=1)
    CHIRP_INVERT            = rw(0x69, 1, reset=1)
    CONTINUOUS              = rw(0x69, 0)
    PEAK1_POS               = rw(0x6D, 4, 0, reset=2, signed=True)
    PEAK2_POS               = rw(0x6E, 4, 0, reset=4, signed=True)


TX_TOP = (TxTop.at(0x5200, "TxTopA"), TxTop.at(0x5400, "TxTopB"))


class Common(Block, base=0x5600):
    PAGE                    = rw(0x00, 1, 0)
    CLK32_RIF_CTRL          = rw(0x01, 4)                 # 0 run from the SPI clock, 1 from a radio
    HOST_RADIO_CTRL         = rw(0x01, 3, reset=1)
    SX1261_MODE_RADIO_B     = rw(0x01, 1, reset=1)        # 1 SX1250, 0 SX125x
    SX1261_MODE_RADIO_A     = rw(0x01, 0, reset=1)
    GLOBAL_EN               = rw(0x05, 3)
    FSK_MODEM_ENABLE        = rw(0x05, 2)
    CONCENTRATOR_MODEM_ENABLE = rw(0x05, 1)
    MBWSSF_MODEM_ENABLE     = rw(0x05, 0)
    VERSION                 = ro(0x06, 7, 0, reset=0x10)


class Gpio(Block, base=0x5640):
    DIR_L_DIRECTION         = rw(0x01, 7, 0)              # 1 output
    OUT_L_OUT_VALUE         = rw(0x03, 7, 0)
    IN_L_IN_VALUE           = ro(0x05, 7, 0)
    SEL_0_SELECTION         = rw(0x08, 3, 0)              # 0 register, 1 AGC, 9 status
    SEL_1_SELECTION         = rw(0x09, 3, 0)
    SEL_2_SELECTION         = rw(0x0A, 3, 0)
    SEL_3_SELECTION         = rw(0x0B, 3, 0)
    SEL_4_SELECTION         = rw(0x0C, 3, 0)
    SEL_5_SELECTION         = rw(0x0D, 3, 0)
    SEL_6_SELECTION         = rw(0x0E, 3, 0)
    SEL_7_SELECTION         = rw(0x0F, 3, 0)


class RadioFe(Block, base=0):
    """The front end of one radio; see RADIO_FE for where they are."""

    DC_NOTCH_EN             = rw(0x00, 5)
    FORCE_HOST_FILTER_GAIN  = rw(0x00, 4)
    HOST_FILTER_GAIN        = rw(0x00, 3, 0)
    RSSI_DB_DEFAULT_VALUE   = rw(0x01, 7, 0)
    RSSI_DEC_DEFAULT_VALUE  = rw(0x02, 7, 0)
    RSSI_BB_FILTER_ALPHA    = rw(0x06, 4, 0)
    RSSI_DEC_FILTER_ALPHA   = rw(0x07, 4, 0)
    IQ_AMPLITUDE            = rw(0x08, 5, 0)              # image compensation, two's complement
    IQ_PHASE                = rw(0x09, 5, 0)


RADIO_FE = (RadioFe.at(0x5701, "RadioFeA"), RadioFe.at(0x570E, "RadioFeB"))


class SigAna(Block, base=0x571B):
    """The signal analyser, which the calibration firmware measures with."""

    RADIO_SEL               = rw(0x00, 1)                 # 1 is radio A


class AgcMcu(Block, base=0x5780):
    CLK_EN                  = rw(0x00, 4, reset=1)
    FORCE_HOST_FE_CTRL      = rw(0x00, 3)
    MCU_CLEAR               = rw(0x00, 2, reset=1)        # 1 holds the MCU
    HOST_PROG               = rw(0x00, 1)                 # 1 gives its program memory to the host
    PARITY_ERROR            = ro(0x00, 0)
    STATUS                  = ro(0x01, 7, 0)              # MCU_AGC_STATUS
    PA_LUT_A                = rw(0x05, 7, 4)              # LUT_TABLE_A_PA_LUT
    LNA_LUT_A               = rw(0x05, 3, 0)
    PA_LUT_B                = rw(0x06, 7, 4)
    LNA_LUT_B               = rw(0x06, 3, 0)
    MAIL_BOX_WR_BYTE3       = rw(0x09, 7, 0)              # writing it is the MCU's "go"
    MAIL_BOX_WR_BYTE2       = rw(0x0A, 7, 0)
    MAIL_BOX_WR_BYTE1       = rw(0x0B, 7, 0)
    MAIL_BOX_WR_BYTE0       = rw(0x0C, 7, 0)
    MAIL_BOX_RD             = ro(0x0D, 31, 0)             # bytes 3, 2, 1, 0
    MAIL_BOX_RD_BYTE0       = ro(0x10, 7, 0)


class RfEn(Block, base=0):
    """What the host drives at one radio; see RF_EN for where they are."""

    RADIO_RST               = rw(0x00, 3)
    RADIO_EN                = rw(0x00, 2)
    PA_EN                   = rw(0x00, 1)
    LNA_EN                  = rw(0x00, 0)


RF_EN = (RfEn.at(0x5783, "RfEnA"), RfEn.at(0x5784, "RfEnB"))


class ClkCtrl(Block, base=0x57C0):
    CLKDIV_EN               = rw(0x00, 2)
    CLK_RADIO_B_SEL         = rw(0x00, 1)
    CLK_RADIO_A_SEL         = rw(0x00, 0)


class RxTop(Block, base=0x5800):
    IF_FREQ_0               = rw(0x00, 12, 0, reset=0x0080, signed=True)  # 32/15625 a hertz
    IF_FREQ_1               = rw(0x02, 12, 0, reset=0x0180, signed=True)
    IF_FREQ_2               = rw(0x04, 12, 0, reset=0x1E80, signed=True)
    IF_FREQ_3               = rw(0x06, 12, 0, reset=0x0080, signed=True)
    IF_FREQ_4               = rw(0x08, 12, 0, reset=0x0032, signed=True)
    IF_FREQ_5               = rw(0x0A, 12, 0, reset=0x003C, signed=True)
    IF_FREQ_6               = rw(0x0C, 12, 0, reset=0x0046, signed=True)
    IF_FREQ_7               = rw(0x0E, 12, 0, reset=0x0050, signed=True)
    RADIO_SELECT            = rw(0x10, 7, 0)              # bit i: channel i on radio B
    RSSI_FILTER_ALPHA       = rw(0x11, 7, 3, reset=7)
    CHAN_RSSI_DEF_VALUE     = rw(0x12, 7, 0)
    CHAN_DAGC_THRESHOLD_HIGH = rw(0x13, 7, 0)
    CHAN_DAGC_THRESHOLD_LOW = rw(0x14, 7, 0)
    CHAN_DAGC_MAX_ATTEN     = rw(0x15, 7, 4, reset=15)
    CHAN_DAGC_MIN_ATTEN     = rw(0x15, 3, 0)
    CHAN_DAGC_MODE          = rw(0x17, 1, 0)
    CORR_CLK_EN             = rw(0x20, 7, 0, reset=0xFF)
    CORR_EN                 = rw(0x21, 7, 0)
    CORR_SF_EN              = rw(0x22, 7, 0, reset=0xFF)  # bit 0 is SF5
    ENABLE_ONLY_FIRST_DET_EDGE = rw(0x23, 7, 0, reset=0xFF)
    ENABLE_CORR_ACC_CLEAR   = rw(0x24, 7, 0, reset=0xFF)
    DC_NOTCH_CFG1_ENABLE    = rw(0x60, 0)
    FORCE_DEFAULT_FIR       = rw(0x75, 3)
    DAGC_TARGET_LVL         = rw(0x78, 7, 6)
    DAGC_GAIN_DROP_COMP     = rw(0x78, 4)
    PREAMBLE_SYMB_NB        = rw(0x83, 15, 0, reset=8, lsb_first=True)
    DFT_PEAK_EN             = rw(0x87, 5, 4, reset=3)
    PEAK1_POS_SF5           = rw(0x8A, 4, 0, reset=2, signed=True)
    PEAK2_POS_SF5           = rw(0x8B, 4, 0, reset=4, signed=True)
    PEAK1_POS_SF6           = rw(0x8C, 4, 0, reset=2, signed=True)
    PEAK2_POS_SF6           = rw(0x8D, 4, 0, reset=4, signed=True)
    PEAK1_POS_SF7TO12       = rw(0x8E, 4, 0, reset=2, signed=True)
    PEAK2_POS_SF7TO12       = rw(0x8F, 4, 0, reset=4, signed=True)
    FINE_TIMING_A_GAIN_P_AUTO = rw(0x92, 7, 6, reset=1)
    FINE_TIMING_A_GAIN_P_PAYLOAD = rw(0x92, 5, 3, reset=2)
    FINE_TIMING_A_GAIN_I_EN_SF12 = rw(0x96, 7, 6)
    FINE_TIMING_A_GAIN_I_EN_SF11 = rw(0x96, 5, 4)
    FINE_TIMING_B_ROUNDING  = rw(0x99, 6)
    FINE_TIMING_B_MODE      = rw(0x99, 1, 0, reset=3)
    FINE_TIMING_B_GAIN_P_AUTO = rw(0x9A, 7, 6, reset=1)
    FINE_TIMING_B_GAIN_P_PAYLOAD = rw(0x9A, 5, 3, reset=2)
    FINE_TIMING_B_GAIN_P_PREAMB = rw(0x9A, 2, 0, reset=6)
    FINE_TIMING_B_GAIN_I_AUTO = rw(0x9B, 7, 6, reset=3)
    FINE_TIMING_B_GAIN_I_PAYLOAD = rw(0x9B, 5, 3, reset=1)
    FINE_TIMING_B_GAIN_I_PREAMB = rw(0x9B, 2, 0, reset=4)
    FINE_TIMING_B_GAIN_I_EN_SF12 = rw(0x9E, 7, 6)
    FINE_TIMING_B_GAIN_I_EN_SF11 = rw(0x9E, 5, 4)
    FREQ_TO_TIME_DRIFT_MANT = rw(0xA0, 11, 0, reset=0x970)
    FREQ_TO_TIME_DRIFT_EXP  = rw(0xA2, 2, 0, reset=3)
    FREQ_TO_TIME_INVERT_TIME_SYMB = rw(0xA3, 2)
    FREQ_TRACK_A            = rw(0xA5, 15, 0, reset=0xFFFF)   # SF8 7 6 5, SF12 11 10 9: 2 bits each
    FREQ_TRACK_B            = rw(0xA7, 15, 0, reset=0xFFFF)
    FREQ_SYNCH_THR          = rw(0xAB, 3, 0, reset=8)
    TIMESTAMP_ENABLE        = rw(0xB3, 3)
    TIMESTAMP_NB_SYMB       = rw(0xB3, 2, 0, reset=7)
    MODEM_SYNC_DELTA        = rw(0xB7, 10, 0, reset=0x07F)
    MODEM_PPM_OFFSET        = rw(0xB9, 15, 0, reset=0x0050)   # SF8 7 6 5, SF12 11 10 9: 2 bits each
    RX_BUFFER_DIRECT_RAM_IF = rw(0xC0, 3)
    RX_BUFFER_LEGACY_TIMESTAMP = rw(0xC0, 2)              # 1 latches at the end of the packet
    RX_BUFFER_STORE_HEADER_ERR_META = rw(0xC0, 1)
    RX_BUFFER_STORE_SYNC_FAIL_META = rw(0xC0, 0)
    MAX_TS_METRICS          = rw(0xC1, 7, 0, reset=0xFF)
    RX_BUFFER_NB_BYTES      = ro(0xC8, 12, 0)             # not latched: read twice, take the larger


IF_FREQ = (
    RxTop.IF_FREQ_0, RxTop.IF_FREQ_1, RxTop.IF_FREQ_2, RxTop.IF_FREQ_3,
    RxTop.IF_FREQ_4, RxTop.IF_FREQ_5, RxTop.IF_FREQ_6, RxTop.IF_FREQ_7,
)


class Correlator(Block, base=0):
    """The detection thresholds of one spreading factor; see CORRELATORS for where they are."""

    ACC_PNR                 = rw(0x01, 6, 0, reset=55)
    MSP_PNR                 = rw(0x03, 6, 0, reset=32)
    MSP_PEAK_NB             = rw(0x05, 5, 3, reset=3)
    MSP2_PEAK_NB            = rw(0x06, 4, 2, reset=5)


CORRELATORS = (
    Correlator.at(0x5825, "CorrelatorSf5", {"MSP_PEAK_NB": 5}),
    Correlator.at(0x582C, "CorrelatorSf6", {"MSP_PEAK_NB": 4}),
    Correlator.at(0x5833, "CorrelatorSf7"),
    Correlator.at(0x583A, "CorrelatorSf8", {"ACC_PNR": 56}),
    Correlator.at(0x5841, "CorrelatorSf9", {"ACC_PNR": 58}),
    Correlator.at(0x5848, "CorrelatorSf10", {"ACC_PNR": 60}),
    Correlator.at(0x584F, "CorrelatorSf11", {"ACC_PNR": 60}),
    Correlator.at(0x5856, "CorrelatorSf12", {"ACC_PNR": 60}),
)


class LoraService(Block, base=0x5B00):
    """The LoRa service modem, half of Semtech's RX_TOP_LORA_SERVICE_FSK."""

    IF_FREQ                 = rw(0x00, 12, 0, reset=0x080, signed=True)
    RADIO_SELECT            = rw(0x02, 0)
    DC_NOTCH_CFG1_ENABLE    = rw(0x03, 0)
    FORCE_DEFAULT_FIR       = rw(0x18, 3)
    DAGC_IN_COMP            = rw(0x19, 6)
    DAGC_TARGET_LVL         = rw(0x1B, 7, 6)
    DAGC_GAIN_DROP_COMP     = rw(0x1B, 4)
    MODEM_BW                = rw(0x21, 7, 4, reset=4)     # 4, 5, 6: 125, 250, 500 kHz
    MODEM_SF                = rw(0x21, 3, 0, reset=7)
    PPM_OFFSET              = rw(0x22, 5, 4)
    MODEM_EN                = rw(0x22, 3)
    CODING_RATE             = rw(0x22, 2, 0, reset=2)
    FINE_SYNCH_EN           = rw(0x23, 5)
    MODEM_START             = rw(0x23, 4)
    CADRXTX                 = rw(0x23, 3, 2, reset=1)
    IMPLICIT_HEADER         = rw(0x23, 1)
    CRC_EN                  = rw(0x23, 0, reset=1)
    PAYLOAD_LENGTH          = rw(0x24, 7, 0, reset=12)
    PREAMBLE_SYMB_NB        = rw(0x27, 15, 0, reset=8, lsb_first=True)
    DFT_PEAK_EN             = rw(0x2A, 5, 4, reset=3)
    PEAK1_POS               = rw(0x2E, 4, 0, reset=2, signed=True)
    PEAK2_POS               = rw(0x2F, 4, 0, reset=4, signed=True)
    FINE_TIMING_GAIN_P_AUTO = rw(0x32, 7, 6, reset=2)
    FINE_TIMING_GAIN_P_PREAMB = rw(0x32, 2, 0, reset=4)
    FINE_TIMING_GAIN_I_EN   = rw(0x33, 7, 6)
    FINE_TIMING_GAIN_I_PAYLOAD = rw(0x33, 5, 3, reset=1)
    FREQ_TO_TIME_DRIFT_MANT = rw(0x36, 11, 0, reset=0x970)
    FREQ_TO_TIME_DRIFT_EXP  = rw(0x38, 2, 0, reset=3)
    FREQ_TO_TIME_INVERT_TIME_SYMB = rw(0x39, 2)
    MSP2_PEAK_NB            = rw(0x40, 6, 4, reset=7)
    MSP_PEAK_NB             = rw(0x40, 2, 0, reset=7)
    USE_GAIN_SYMB           = rw(0x42, 7)
    ACC_PNR                 = rw(0x42, 6, 0, reset=55)


class Fsk(Block, base=0x5B50):
    """The FSK modem, the other half of Semtech's RX_TOP_LORA_SERVICE_FSK."""

    IF_FREQ                 = rw(0x00, 12, 0, reset=0x080, signed=True)
    CRC_IBM                 = rw(0x02, 4)
    DCFREE_ENC              = rw(0x02, 3, 2)              # 2 is whitening
    CRC_EN                  = rw(0x02, 1)
    PKT_MODE                = rw(0x02, 0)                 # 1 is variable length
    PSIZE                   = rw(0x03, 5, 3)              # sync word size - 1
    CH_BW_EXPO              = rw(0x03, 2, 0)
    MODEM_INVERT_IQ         = rw(0x04, 3)
    AUTO_AFC                = rw(0x04, 2, reset=1)
    RADIO_SELECT            = rw(0x04, 1)
    RX_INVERT               = rw(0x04, 0)
    RSSI_LENGTH             = rw(0x05, 7, 5, reset=4)
    ERROR_OSR_TOL           = rw(0x05, 4, 0)
    NODE_ADRS               = rw(0x06, 7, 0)
    BROADCAST               = rw(0x07, 7, 0)
    PKT_LENGTH              = rw(0x08, 7, 0)
    TIMEOUT                 = rw(0x09, 9, 0)
    BIT_RATE                = rw(0x0B, 15, 0)
    REF_PATTERN             = rw(0x0D, 63, 0)             # sync word, left-aligned


class ArbMcu(Block, base=0x6080):
    CLK_EN                  = rw(0x00, 5, reset=1)
    MCU_CLEAR               = rw(0x00, 2, reset=1)
    HOST_PROG               = rw(0x00, 1)
    PARITY_ERROR            = ro(0x00, 0)
    STATUS                  = ro(0x01, 7, 0)              # MCU_ARB_STATUS
    DEBUG_CFG_0             = rw(0x09, 7, 0)
    DEBUG_CFG_1             = rw(0x0A, 7, 0)
    DEBUG_CFG_2             = rw(0x0B, 7, 0)
    DEBUG_CFG_3             = rw(0x0C, 7, 0)
    DEBUG_STS_0             = ro(0x0D, 7, 0)
    CHANNEL_1_OFFSET        = rw(0x1D, 7, 4)
    CHANNEL_0_OFFSET        = rw(0x1D, 3, 0)
    CHANNEL_3_OFFSET        = rw(0x1E, 7, 4)
    CHANNEL_2_OFFSET        = rw(0x1E, 3, 0)
    CHANNEL_5_OFFSET        = rw(0x1F, 7, 4)
    CHANNEL_4_OFFSET        = rw(0x1F, 3, 0)
    CHANNEL_7_OFFSET        = rw(0x20, 7, 4)
    CHANNEL_6_OFFSET        = rw(0x20, 3, 0)


class Timestamp(Block, base=0x6100):
    GPS_POL                 = rw(0x00, 1)
    GPS_EN                  = rw(0x00, 0)
    TIMESTAMP_PPS           = ro(0x01, 31, 0)             # latched at the last PPS edge, 32 MHz
    TIMESTAMP               = ro(0x05, 31, 0)             # free running, 32 MHz


class Otp(Block, base=0x6180):
    BYTE_ADDR               = rw(0x00, 7, 0)              # which byte RD_DATA shows
    RD_DATA                 = ro(0x01, 7, 0)
    MODEM_EN_0              = rw(0x08, 7, 0, reset=0xFF)
    MODEM_EN_1              = rw(0x09, 7, 0, reset=0xFF)


MAP: list[type[Block]] = [
    *TX_TOP, Common, Gpio, *RADIO_FE, SigAna, AgcMcu, *RF_EN, ClkCtrl, RxTop, *CORRELATORS, LoraService, Fsk,
    ArbMcu, Timestamp, Otp,
]
