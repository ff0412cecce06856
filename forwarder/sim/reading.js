// The codec of the demo's sensors, in the form of the LoRa Alliance's TS013.
function decodeUplink(input) {
  var b = input.bytes;
  if (b.length === 8) {
    var count = 0;
    for (var i = 0; i < 8; i++) count = count * 256 + b[i];
    return { data: { reading: count } };
  }
  if (b.length !== 4) return { errors: ["4 or 8 bytes expected, came " + b.length] };
  var hundredths = (b[0] << 8) | b[1];
  if (hundredths > 32767) hundredths -= 65536;
  return { data: { celsius: hundredths / 100, humidity: b[2] / 2, volts: b[3] / 50 } };
}
