// Time on the air by band, how early downlinks come, and how loud the band is.

import { el, reveal, show, svg, table } from "./dom.js";
import { colour } from "./waterfall.js";
import { count, mhz, span } from "./words.js";

const HOUR_US = 3600e6;

function bar(share, kind) {
  const width = Math.max(share > 0 ? 1 : 0, Math.min(1, share) * 100);
  return svg("svg", { viewBox: "0 0 100 8", width: "100%", height: 8, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: `bar ${kind}`, width, height: 8 }));
}

const percent = (part) => `${(part * 100).toFixed(part < 0.001 && part > 0 ? 3 : 2)} %`;

export function renderAir(state) {
  const bands = (state.downlinks && state.downlinks.bands) || [];
  reveal("air", bands.length > 0);
  const limited = (band) => band.load_max_us < HOUR_US;
  const used = (band) => band.load_tracked_us / (limited(band) ? band.load_max_us : HOUR_US);
  const kind = (band) => (limited(band) && used(band) > 0.9 ? "late" : used(band) > 0.6 && limited(band) ? "warn" : "");
  show("air-body", [table("What was sent, and what the band's rule allows.", [
    { title: "Band", kind: "first", cell: (band) => band.name },
    { title: "Used", label: "used", kind: "n nowrap", cell: (band) => percent(band.load_tracked_us / HOUR_US) },
    { title: "Allowed", label: "allowed", kind: "n nowrap", cell: (band) => (limited(band) ? percent(band.load_max_us / HOUR_US) : "all") },
    { title: "", kind: "first", cell: (band) => bar(used(band), kind(band)) },
  ], bands), renderListening(state)]);
}

function renderListening(state) {
  const rows = state.listening || [];
  return rows.length ? table("Listening before talking.", [
    { title: "MHz", kind: "n", cell: (row) => mhz(row.freq_hz) },
    { title: "Free", label: "free", kind: "n", cell: (row) => count(row.free) },
    { title: "Busy", label: "busy", kind: "n", cell: (row) => count(row.busy) },
  ], rows) : null;
}

const bound = (ms) => (Math.abs(ms) >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

function histogram(name, margins) {
  const { bounds_ms: bounds, columns } = margins, most = Math.max(...columns, 1);
  const width = 15 * columns.length, height = 110, zero = bounds.indexOf(0);
  const bars = columns.map((number, index) => svg("rect", {
    class: `bar ${index <= zero ? "late" : ""}`, x: index * 15 + 1, width: 13, rx: 1,
    y: height - (number / most) * (height - 14), height: (number / most) * (height - 14),
  }, svg("title", {}, `${columnWords(bounds, index)}: ${count(number)}`)));
  const labels = [0, zero, columns.length - 1].map((index) => svg("text", {
    x: index === 0 ? 0 : index === zero ? (zero + 1) * 15 : width, y: height + 14,
    "text-anchor": index === 0 ? "start" : index === zero ? "middle" : "end",
  }, index === 0 ? "too late" : index === zero ? "just in time" : "early"));
  return svg("svg", { class: "histogram", viewBox: `0 0 ${width} ${height + 18}`, width: "100%", role: "img", "aria-label": `How early the downlinks of ${name} came; the table says the same.` },
    svg("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height }), bars, labels);
}

function columnWords(bounds, index) {
  if (index === 0) return `more than ${bound(-bounds[0])} too late`;
  if (index === bounds.length) return `more than ${bound(bounds[index - 1])} early`;
  return `${bound(bounds[index - 1])} to ${bound(bounds[index])}`;
}

function rescue(margins) {
  const saves = Object.entries(margins.rx1_delay_saves || {});
  if (!margins.too_late) return el("p", { class: "muted" }, "None came too late.");
  const all = `${count(margins.too_late)} came too late` + (margins.too_late_joins ? `, ${count(margins.too_late_joins)} of them answers to joins, whose windows no setting moves` : "");
  return [el("p", {}, `${all}.`), saves.length ? table("What a longer RX1 delay, set in the server, would have saved.", [
    { title: "RX1 delay", cell: ([seconds]) => `${seconds} s` },
    { title: "Saved", label: "saves", kind: "n", cell: ([, part]) => `${Math.round(part * 100)} %` },
  ], saves) : null];
}

export function renderMargins(state) {
  const links = Object.entries((state.downlinks && state.downlinks.links) || {})
    .filter(([, account]) => account.margins && account.margins.columns.some((number) => number > 0));
  reveal("margins", links.length > 0);
  show("margins-body", links.map(([name, { margins }]) => el("div", {}, el("h3", {}, name), histogram(name, margins),
    el("details", {}, el("summary", {}, "As a table"), table(`Downlinks of ${name} by the time that was left.`, [
      { title: "Time left", cell: (index) => columnWords(margins.bounds_ms, index) },
      { title: "Downlinks", label: "downlinks", kind: "n", cell: (index) => count(margins.columns[index]) },
    ], margins.columns.map((_, index) => index).filter((index) => margins.columns[index]))), rescue(margins))));
}

function levels(row) {
  const most = Math.max(...row.counts, 1), cells = [...row.counts].reverse();
  return svg("svg", { viewBox: `0 0 ${cells.length * 6} 14`, height: 14, width: cells.length * 6, "aria-hidden": "true" },
    cells.map((number, index) => svg("rect", { x: index * 6, width: 6, height: 14, fill: colour(index / cells.length), opacity: number ? 0.15 + 0.85 * Math.sqrt(number / most) : 0.03 })));
}

export function renderSpectrum(state) {
  const rows = state.spectrum || [];
  reveal("spectrum", rows.length > 0);
  show("spectrum-body", [table("Measured while nobody sends. To the right is louder; darker is more often.", [
    { title: "MHz", kind: "n", cell: (row) => mhz(row.freq_hz) },
    { title: "Usual level", label: "usual", kind: "n nowrap", cell: (row) => (row.median_dbm === null ? "" : `${row.median_dbm} dBm`) },
    { title: "Taken", label: "taken", kind: "n nowrap", cell: (row) => `${(row.share_above_90_dbm * 100).toFixed(1)} %` },
    { title: "Levels", cell: levels },
    { title: "Measured", label: "measured", cell: (row) => `${span(row.age_s)} ago` },
  ], rows)]);
}
