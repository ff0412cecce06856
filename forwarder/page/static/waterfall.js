// Every frame as a mark, by channel and time; coloured by strength or clearness. And as a table.

import { byId, el, show, table } from "./dom.js";
import { ago, count, median, mhz, now } from "./words.js";

const RANGES = { rssi_dbm: [-130, -40, "dBm"], snr_db: [-20, 12, "dB"] };
const STOPS = [[53, 80, 143], [31, 158, 137], [217, 164, 0]];

export function colour(part) {
  const place = Math.min(0.9999, Math.max(0, part)) * (STOPS.length - 1);
  const low = STOPS[Math.floor(place)], high = STOPS[Math.floor(place) + 1], rest = place % 1;
  return `rgb(${low.map((value, index) => Math.round(value + (high[index] - value) * rest)).join(",")})`;
}

const channels = (frames) => [...new Set(frames.map((frame) => frame.freq_hz))].sort((a, b) => a - b);

function sized(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  if (canvas.width !== Math.round(box.width * ratio) || canvas.height !== Math.round(box.height * ratio)) {
    canvas.width = Math.round(box.width * ratio);
    canvas.height = Math.round(box.height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [pen, box.width, box.height];
}

function ticks(pen, left, width, height, spanS, style) {
  const step = { 300: 60, 1800: 300, 10800: 1800 }[spanS];
  pen.textAlign = "center";
  for (let back = 0; back <= spanS; back += step) {
    const x = left + (width - left - 8) * (1 - back / spanS);
    pen.fillStyle = style.getPropertyValue("--line");
    pen.fillRect(x, 6, 1, height - 30);
    pen.fillStyle = style.getPropertyValue("--muted");
    if (back < spanS) pen.fillText(back ? `−${back / 60} min` : "now", Math.min(x, width - 16), height - 8);
  }
}

export function renderSignal(frames) {
  const what = byId("signal-what").value, spanS = Number(byId("signal-span").value);
  const since = now() - spanS * 1000;
  const shown = frames.filter((frame) => frame.at_ms >= since);
  draw(byId("waterfall"), shown, what, spanS);
  legend(what);
  show("signal-table", asTable(shown.filter((frame) => frame.way === "up")));
}

function draw(canvas, frames, what, spanS) {
  const [pen, width, height] = sized(canvas);
  if (!pen || !width) return;
  const style = getComputedStyle(document.documentElement), left = 62, lanes = channels(frames);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  ticks(pen, left, width, height, spanS, style);
  const lane = (height - 36) / Math.max(lanes.length, 1), mark = Math.min(lane * 0.72, 22);
  pen.textAlign = "right";
  pen.fillStyle = style.getPropertyValue("--muted");
  lanes.forEach((freq, index) => { if (lane > 9 || index % 2 === 0) pen.fillText(mhz(freq), left - 8, height - 30 - lane * (index + 0.5) + 4); });
  if (!lanes.length) { pen.textAlign = "center"; pen.fillText("no frame in this time", (width + left) / 2, height / 2 - 10); }
  const [low, high] = RANGES[what];
  for (const frame of frames) {
    const x = left + (width - left - 8) * (1 - (now() - frame.at_ms) / 1000 / spanS);
    const y = height - 30 - lane * (lanes.indexOf(frame.freq_hz) + 0.5) - mark / 2;
    if (frame.way === "down") {
      pen.strokeStyle = style.getPropertyValue("--muted");
      pen.strokeRect(x - 2.5, y + 0.5, 5, mark - 1);
    } else {
      const value = frame[what];
      pen.globalAlpha = frame.ghost || frame.crc === "bad" ? 0.4 : 1;
      pen.fillStyle = value === null ? style.getPropertyValue("--muted") : colour((value - low) / (high - low));
      pen.fillRect(x - 2, y, 5, mark);
      pen.globalAlpha = 1;
    }
  }
}

function legend(what) {
  const [low, high, unit] = RANGES[what];
  const place = byId("signal-legend");
  if (place.dataset.what === what) return;
  place.dataset.what = what;
  const scale = el("canvas", { class: "swatch", width: 128, height: 12, "aria-hidden": "true" });
  const pen = scale.getContext("2d");
  for (let x = 0; pen && x < 128; x++) { pen.fillStyle = colour(x / 127); pen.fillRect(x, 0, 1, 12); }
  place.replaceChildren(
    el("span", {}, `${low} ${unit}`, scale, `${high} ${unit}`),
    el("span", {}, "outlined: sent by this gateway"), el("span", {}, "pale: ghost or damaged"));
}

function asTable(frames) {
  const rows = channels(frames).map((freq) => frames.filter((frame) => frame.freq_hz === freq));
  const middle = (unit, field) => (own) => { const value = median(own.map((frame) => frame[field])); return value === null ? "" : `${value} ${unit}`; };
  return table("Received frames by channel, in the time chosen above.", [
    { title: "MHz", kind: "n", cell: (own) => mhz(own[0].freq_hz) },
    { title: "Frames", label: "frames", kind: "n", cell: (own) => count(own.length) },
    { title: "Usual strength", label: "strength", kind: "n", cell: middle("dBm", "rssi_dbm") },
    { title: "Usual SNR", label: "SNR", kind: "n", cell: middle("dB", "snr_db") },
    { title: "Damaged", label: "damaged", kind: "n", cell: (own) => count(own.filter((frame) => frame.crc === "bad").length) },
    { title: "Last", label: "last", cell: (own) => ago(Math.max(...own.map((frame) => frame.at_ms))) },
  ], rows);
}

export function arrangeSignal(again) {
  for (const id of ["signal-what", "signal-span"]) byId(id).addEventListener("change", again);
  window.addEventListener("resize", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
