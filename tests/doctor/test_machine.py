"""Checks of the computer, on a Raspberry Pi that is a folder. A test's name is the diagnosis."""

from __future__ import annotations

from pathlib import Path

import pytest

from forwarder.doctor import bus, clock, gpio, power, storage
from forwarder.doctor.values import Finding, Verdict
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
    assert clock.kernel_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("data", "yes"),
    [(b"$GNRMC,1", True), (b"\x01\xb5\x62\x01", True), (b"", False), (b"login: ", False)],
)
def test_a_receiver_is_told_from_noise(data: bytes, yes: bool) -> None:
    assert clock.talks(data) is yes


def test_a_root_that_is_read_only_is_a_warning(pi: Pi) -> None:
    pi.write("/proc/mounts", "/dev/root / ext4 rw 0 0\noverlay / overlay ro,relatime 0 0\n")
    assert storage.root_file_system(pi.case()).verdict is Verdict.WARN


def test_what_is_mounted_elsewhere_says_nothing_about_the_root() -> None:
    assert storage.mount_options("proc /proc proc ro 0 0\n/dev/root / ext4 rw 0 0\n", "/") == {"rw"}
