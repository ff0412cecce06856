"""Checks of the computer, on a Raspberry Pi that is a folder. A test's name is the diagnosis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forwarder.config.load import loads
from forwarder.config.model import GpsSettings
from forwarder.doctor import bus, clock, gpio, power, storage
from forwarder.doctor.case import Case
from forwarder.doctor.values import Finding, Verdict
from forwarder.timing.clock_sync import asked_kernel
from hal.transport.lock import DeviceLock

from .pi import SPI, Pi


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def failed(finding: Finding) -> str:
    """Everything that is said about a failure."""
    assert finding.verdict is Verdict.FAIL
    return " ".join((finding.read, finding.expected, *finding.causes, finding.next))


# The bus.


def test_spi_is_on(pi: Pi) -> None:
    assert bus.enabled(pi.case()).read == (
        "spi0 is on in the device tree; /boot/firmware/config.txt says dtparam=spi=on"
    )


def test_spi_is_not_enabled(pi: Pi) -> None:
    pi.write(f"/proc/device-tree{SPI}/status", "disabled\0")
    pi.write("/boot/firmware/config.txt", "#dtparam=spi=on\n")
    said = failed(bus.enabled(pi.case()))
    assert "says nothing about SPI" in said and "raspi-config nonint do_spi 0" in said


def test_spi_was_enabled_and_the_machine_not_rebooted(pi: Pi) -> None:
    pi.write(f"/proc/device-tree{SPI}/status", "disabled\0")
    said = failed(bus.enabled(pi.case()))
    assert "says dtparam=spi=on" in said and "not rebooted" in said


def test_config_txt_of_older_images_is_found(pi: Pi) -> None:
    pi.remove("/boot/firmware/config.txt")
    pi.write("/boot/config.txt", "dtoverlay=spi0-1cs\n")
    assert "/boot/config.txt says dtoverlay=spi0-1cs" in bus.enabled(pi.case()).read


def test_another_machine_has_no_device_tree_to_ask(pi: Pi) -> None:
    pi.remove("/proc/device-tree/model")
    assert bus.enabled(pi.case()).verdict is Verdict.OK


def test_no_spidev_at_all(pi: Pi) -> None:
    pi.remove("/dev/spidev0.0")
    assert "no spidev at all" in failed(bus.node(pi.case()))


def test_another_chip_select_than_configured(pi: Pi) -> None:
    pi.remove("/dev/spidev0.0")
    pi.write("/dev/spidev0.1")
    assert "found: /dev/spidev0.1" in failed(bus.node(pi.case()))


def test_a_usb_board_is_driven_as_an_spi_board(pi: Pi) -> None:
    pi.remove("/dev/spidev0.0")
    pi.write("/dev/serial/by-id/usb-STMicro_1234-if00")
    assert 'radio = "usb:/dev/serial/by-id/usb-STMicro_1234-if00"' in failed(bus.node(pi.case()))


def test_a_usb_board_came_back_under_another_number(pi: Pi) -> None:
    pi.write("/dev/ttyACM1")
    said = failed(bus.node(pi.case("usb:/dev/ttyACM0")))
    assert "found: /dev/ttyACM1" in said and "/dev/serial/by-id" in said


@pytest.mark.parametrize(
    ("uri", "group"), [("spi:/dev/spidev0.0", "spi"), ("usb:/dev/ttyACM0", "dialout")]
)
def test_no_permission_names_the_group(pi: Pi, uri: str, group: str) -> None:
    pi.write("/dev/ttyACM0")
    pi.forbidden = {uri.partition(":")[2]}
    assert f"sudo usermod -aG {group} " in failed(bus.permission(pi.case(uri)))


def test_the_device_is_free(pi: Pi) -> None:
    assert bus.free(pi.case()).verdict is Verdict.OK


def test_another_forwarder_has_the_device(pi: Pi) -> None:
    pi.process(812, "lora_pkt_fwd", "/dev/null", "/dev/spidev0.0")
    assert "in use by lora_pkt_fwd (pid 812)" in failed(bus.free(pi.case()))


def test_a_running_edgemast_has_the_board_and_that_is_no_fault(
    pi: Pi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/edgemast/bin/edgemast", "run"])
    lock = DeviceLock("/dev/spidev0.0", directories=[str(pi.root / "run/lock")])
    case = pi.case()
    finding = bus.free(case)
    lock.close()
    assert finding.verdict is Verdict.SKIPPED
    assert case.running.startswith("edgemast run (pid ")


def test_asking_for_the_holder_holds_nothing(pi: Pi) -> None:
    assert bus.free(pi.case()).verdict is Verdict.OK
    lock = DeviceLock("/dev/spidev0.0", directories=[str(pi.root / "run/lock")])
    lock.close()


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("LoadState=not-found\nActiveState=inactive", Verdict.SKIPPED),
        ("LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0", Verdict.OK),
        ("LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=7", Verdict.WARN),
        ("LoadState=loaded\nActiveState=failed\nSubState=failed\nNRestarts=0", Verdict.WARN),
    ],
)
def test_the_service_is_as_systemd_says(pi: Pi, state: str, verdict: Verdict) -> None:
    pi.commands["systemctl"] = state
    assert bus.service(pi.case()).verdict is verdict


# GPIO.


def test_the_lines_are_free_and_told_with_their_pins(pi: Pi) -> None:
    assert gpio.lines(pi.case()).read == (
        "GPIO17, header pin 11: free on /dev/gpiochip0 (pinctrl-bcm2711)"
    )


def test_the_reset_line_is_held_by_another_program(pi: Pi) -> None:
    pi.used = {17: "lora-reset"}
    pi.process(77, "gpioset", "anon_inode:gpio-line")
    said = failed(gpio.lines(pi.case()))
    assert "in use by lora-reset; lines are held by gpioset (pid 77)" in said


def test_chip_select_1_has_gpio_7(pi: Pi) -> None:
    pi.write("/dev/spidev0.1")
    case = pi.case("spi:/dev/spidev0.0?reset=7")
    said = failed(gpio.chip_select(case))
    assert "GPIO7, header pin 26" in said and "dtoverlay=spi0-1cs" in said


def test_a_line_that_the_spi_driver_holds_names_the_overlay(pi: Pi) -> None:
    pi.used = {7: "spi0 CS1"}
    assert "dtoverlay=spi0-1cs" in failed(gpio.lines(pi.case("spi:/dev/spidev0.0?reset=7")))


def test_chip_select_1_is_no_matter_for_other_lines(pi: Pi) -> None:
    pi.write("/dev/spidev0.1")
    assert gpio.chip_select(pi.case()).verdict is Verdict.OK


def test_no_lines_are_configured(pi: Pi) -> None:
    assert gpio.lines(pi.case("spi:/dev/spidev0.0")).verdict is Verdict.WARN


# Power.


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [
        ("0", Verdict.OK),
        ("50005", Verdict.FAIL),
        ("50000", Verdict.WARN),
        ("80008", Verdict.WARN),
        ("20000", Verdict.OK),
    ],
)
def test_undervoltage_now_is_a_failure_and_before_a_warning(
    pi: Pi, flags: str, verdict: Verdict
) -> None:
    pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", flags + "\n")
    assert power.supply(pi.case()).verdict is verdict


def test_vcgencmd_is_asked_where_the_kernel_does_not_tell(pi: Pi) -> None:
    pi.commands["vcgencmd"] = "throttled=0x50005"
    assert "0x50005" in failed(power.supply(pi.case()))


@pytest.mark.parametrize(("alarm", "verdict"), [("1", Verdict.WARN), ("0", Verdict.OK)])
def test_the_kernels_monitor_is_the_last_resort(pi: Pi, alarm: str, verdict: Verdict) -> None:
    pi.write("/sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    pi.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm + "\n")
    assert power.supply(pi.case()).verdict is verdict


# Time, disk.


@pytest.mark.parametrize(("told", "verdict"), [("yes", Verdict.OK), ("no", Verdict.WARN)])
def test_the_clock_is_synchronised_or_not(pi: Pi, told: str, verdict: Verdict) -> None:
    pi.commands["timedatectl"] = told
    assert clock.sync(pi.case()).verdict is verdict


def test_a_clock_that_is_older_than_the_program_is_wrong(
    pi: Pi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert "older than this program" in failed(clock.sync(pi.case()))


def test_the_kernel_can_be_asked_about_its_clock() -> None:
    assert asked_kernel() in (True, False, None)


def test_a_root_that_is_read_only_is_a_warning(pi: Pi) -> None:
    pi.write("/proc/mounts", "/dev/root / ext4 rw 0 0\noverlay / overlay ro,relatime 0 0\n")
    assert storage.root_file_system(pi.case()).verdict is Verdict.WARN


def test_what_is_mounted_elsewhere_says_nothing_about_the_root() -> None:
    assert storage.mount_options("/dev/root / ext4 rw 0 0\nproc /proc proc ro 0 0\n", "/") == {"rw"}


# GPS.


def gps(pi: Pi, **settings: object) -> Case:
    case = pi.case()
    case.config = replace(
        loads('board = "rak2287"\nregion = "EU868"\n', "gateway.toml"),
        gps=GpsSettings(**({"source": "/dev/ttyAMA0"} | settings)),  # type: ignore[arg-type]
    )
    return case


def test_the_receivers_port_is_not_there(pi: Pi) -> None:
    assert "enable_uart=1 is missing in /boot/firmware/config.txt" in failed(clock.gps(gps(pi)))


def test_the_kernels_console_is_on_the_receivers_port(pi: Pi) -> None:
    pi.write("/dev/ttyAMA0")
    pi.write("/proc/cmdline", "console=ttyAMA0,115200 console=tty1 root=/dev/mmcblk0p2\n")
    said = failed(clock.gps(gps(pi)))
    assert "console=ttyAMA0,115200" in said and "do_serial_cons 1" in said


def test_gpsd_has_the_receivers_port(pi: Pi) -> None:
    pi.write("/dev/ttyAMA0")
    pi.process(300, "gpsd", "/dev/ttyAMA0")
    said = failed(clock.gps(gps(pi)))
    assert "in use by gpsd (pid 300)" in said and "gpsd://localhost" in said


@pytest.mark.parametrize(
    ("sent", "verdict", "words"),
    [
        (
            b"$GPRMC,120000.00,A,4807.038,N,01131.000,E,0.0,0.0,230394,,,A*50\r\n",
            Verdict.OK,
            "talks NMEA",
        ),
        (b"login: \r\n", Verdict.WARN, "no message that we know"),
        (b"", Verdict.WARN, "0 bytes"),
    ],
)
def test_a_receiver_is_told_from_noise_and_silence(
    pi: Pi, monkeypatch: pytest.MonkeyPatch, sent: bytes, verdict: Verdict, words: str
) -> None:
    class Port:
        """A serial port that has `sent` to read, and nothing after."""

        def __init__(self, path: str, baud: int, timeout: float) -> None:
            self._held = sent
            assert (path, baud) == (str(pi.root / "dev/ttyAMA0"), 9600)

        def __enter__(self) -> Port:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int) -> bytes:
            read, self._held = self._held, b""
            return read

    monkeypatch.setattr(clock, "LISTEN_S", 0.02)
    monkeypatch.setattr("serial.Serial", Port)
    pi.write("/dev/ttyAMA0")
    finding = clock.gps(gps(pi))
    assert (finding.verdict, words in finding.read) == (verdict, True), finding.read


def test_gpsd_that_is_not_there_is_a_failure(pi: Pi) -> None:
    assert "127.0.0.1:1" in failed(clock.gps(gps(pi, source="gpsd://127.0.0.1:1", kind="gpsd")))


# Which board.


def eeprom(pi: Pi, product: str) -> None:
    pi.write("/proc/device-tree/hat/vendor", "somebody\0")
    pi.write("/proc/device-tree/hat/product", product + "\0")


def test_another_board_is_configured_than_the_one_that_is_there(pi: Pi) -> None:
    eeprom(pi, "WM1302")
    finding = bus.board(gps(pi))
    assert finding.verdict is Verdict.WARN
    assert finding.read == (
        "rak2287 is configured, and the HAT EEPROM: somebody, WM1302 says wm1302"
    )


def test_the_board_that_is_there_is_proposed_where_none_is_named(pi: Pi) -> None:
    eeprom(pi, "RAK2287 HAT")
    finding = bus.board(pi.case())
    assert finding.verdict is Verdict.WARN and finding.expected == 'board = "rak2287"'


def test_a_board_that_does_not_say_its_name_is_taken_at_the_configurations_word(pi: Pi) -> None:
    assert bus.board(gps(pi)).verdict is Verdict.OK


def test_i2c_is_off_and_the_sensor_is_not_read(pi: Pi) -> None:
    case = pi.case()
    case.board_name = "wm1302"
    finding = bus.i2c(case)
    assert finding.verdict is Verdict.WARN and "at 0x39 is not read" in finding.read
    pi.write("/dev/i2c-1")
    assert bus.i2c(case).verdict is Verdict.OK


def test_a_board_without_a_known_sensor_needs_no_i2c(pi: Pi) -> None:
    case = pi.case()
    case.board_name = "pg1302"
    assert bus.i2c(case).verdict is Verdict.SKIPPED
