// A made-up climate sensor, for the tests of Edgemast. FPort 2: temperature (int16, 0.01 degrees),
// humidity (uint8, 0.5 %), battery (uint8, 20 mV); FPort 9: one byte, the interval in minutes.
function decodeUplink(input) {
  const { bytes, fPort } = input;
  if (fPort === 9) {
    return { data: { interval: bytes[0] }, warnings: bytes[0] < 5 ? ['interval below 5 min'] : [] };
  }
  if (fPort !== 2 || bytes.length !== 4) {
    return { errors: [`FPort ${fPort} with ${bytes.length} bytes is unknown`] };
  }
  const raw = (bytes[0] << 8) | bytes[1];
  return {
    data: {
      temperature: (raw > 32767 ? raw - 65536 : raw) / 100,
      humidity: bytes[2] / 2,
      battery: bytes[3] * 0.02,
    },
  };
}

function encodeDownlink(input) {
  const minutes = input.data.interval;
  if (!(minutes >= 1 && minutes <= 255)) return { errors: ['interval: 1 to 255 minutes'] };
  return { bytes: [minutes], fPort: 9 };
}

function decodeDownlink(input) {
  return { data: { interval: input.bytes[0] } };
}
