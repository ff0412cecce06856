// The latest frames, with what they say in clear.

import { badge, byId, el, show, table } from "./dom.js";
import { ago, clock, mhz, rate } from "./words.js";

const narrow = matchMedia("(max-width: 44rem)");
let held = null;

const odd = (frame) => frame.crc === "bad" || ["refused", "lost"].includes(frame.fate);
const which = { all: () => true, clear: (frame) => !frame.ghost, up: (frame) => frame.way === "up", down: (frame) => frame.way === "down", odd };

function who(frame) {
  if (frame.dev_addr) return el("span", { class: "mono" }, frame.dev_addr);
  if (frame.dev_eui) {
    return [el("span", { class: "mono", title: "DevEUI" }, frame.dev_eui),
      frame.join_eui ? el("span", { class: "muted mono", title: "JoinEUI" }, ` to ${frame.join_eui}`) : ""];
  }
  return "";
}

function marks(frame) {
  const found = [];
  if (frame.crc === "bad") found.push(badge("damaged (CRC)", "bad"));
  if (frame.crc === "none") found.push(badge("no CRC", "warn"));
  if (frame.ghost) found.push(badge("ghost", "warn"));
  if (frame.fate === "waiting") found.push(badge("waiting"));
  if (frame.fate === "sent") found.push(badge("sent", "good"));
  if (frame.fate === "refused") found.push(badge("refused", "bad"), ` ${frame.why}`);
  if (frame.fate === "lost") found.push(badge("not sent", "bad"), ` ${frame.why}`);
  for (const flag of frame.flags || []) found.push(badge(flag));
  return found.flatMap((mark) => [mark, " "]);
}

function signal(frame) {
  if (frame.way === "down") return frame.power_dbm === null ? "" : `${frame.power_dbm} dBm out`;
  return frame.rssi_dbm === null ? "" : `${Math.round(frame.rssi_dbm)} dBm`;
}

const columns = [
  { title: "When", kind: "nowrap", cell: (frame) => el("time", { datetime: new Date(frame.at_ms).toISOString() }, clock(frame.at_ms), " ", el("span", { class: "muted" }, ago(frame.at_ms))) },
  { title: "What", kind: "what", cell: (frame) => [el("span", { "aria-hidden": "true" }, frame.way === "up" ? "↑ " : "↓ "), el("span", { class: "sr" }, frame.way === "up" ? "received: " : "to send: "), frame.type || ""] },
  { title: "Who", cell: who },
  { title: "FCnt", label: "FCnt", kind: "n", cell: (frame) => frame.fcnt ?? "" },
  { title: "Port", label: "port", kind: "n", cell: (frame) => frame.fport ?? "" },
  { title: "MHz", kind: "n", cell: (frame) => mhz(frame.freq_hz) },
  { title: "Rate", kind: "nowrap", cell: (frame) => rate(frame.rate) },
  { title: "Signal", kind: "n nowrap", cell: signal },
  { title: "SNR", kind: "n nowrap", cell: (frame) => frame.snr_db === null || frame.snr_db === undefined ? "" : `${frame.snr_db} dB` },
  { title: "Size", kind: "n nowrap", cell: (frame) => `${frame.size} B` },
  { title: "Marks", cell: marks },
];

export function renderFrames(frames) {
  const rows = (held || frames).filter(which[byId("frames-which").value]).slice(0, narrow.matches ? 10 : 16);
  const caption = rows.length ? `Newest first; ${held ? "held still" : "new ones come by themselves"}.` : "None yet.";
  show("frames-table", table(caption, columns, rows));
}

export function arrangeFrames(current, again) {
  byId("frames-which").addEventListener("change", again);
  byId("frames-pause").addEventListener("click", (click) => {
    held = held ? null : [...current()];
    click.currentTarget.setAttribute("aria-pressed", held ? "true" : "false");
    again();
  });
}
