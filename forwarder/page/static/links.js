// One card for each server: whether it is reached, how quickly, what it cost, what waits for it.

import { badge, el, facts, reveal, show } from "./dom.js";
import { bytes, count, plural, reasons, sum } from "./words.js";

const KINDS = { "semtech-udp": "Semtech UDP", mqtt: "MQTT" };
const POLICIES = {
  drop: "frames of an outage are dropped", replay: "frames of an outage are kept and sent later",
  "sink-only": "frames of an outage go to local mode only",
};

function outage(link) {
  const kept = link.outage;
  if (!kept) return "frames of an outage are dropped";
  const parts = [POLICIES[kept.policy] || kept.policy];
  if (kept.waiting) parts.push(`${plural(kept.waiting, "frame")} wait${kept.on_disk ? `, ${count(kept.on_disk)} of them on disk` : ""}`);
  if (kept.late) parts.push(`${count(kept.late)} were sent late`);
  if (sum(kept.dropped)) parts.push(`dropped: ${reasons(kept.dropped)}`);
  return parts.join("; ");
}

function traffic(link) {
  const meter = link.bytes;
  if (!meter) return null;
  const today = `${bytes(meter.wire_today)} today`;
  if (meter.bytes_per_day) return `${today} of ${bytes(meter.bytes_per_day)}`;
  return meter.forecast_month ? `${today}, some ${bytes(meter.forecast_month)} a month` : today;
}

function certificates(link) {
  const days = Object.entries(link.certificate_days || {}).filter(([, left]) => left !== null);
  return days.map(([which, left]) => `${which}: ${left < 0 ? "expired" : plural(Math.floor(left), "day")}`).join(", ");
}

function trip(link) {
  const rtt = link.rtt_ms || {};
  const usual = rtt.median ?? rtt.p50;
  if (usual === undefined || usual === null) return null;
  return `${usual} ms${rtt.p99 ? `, slowest ${rtt.p99} ms` : ""}`;
}

function downlinks(account) {
  if (!account || !account.requested) return "none asked for";
  const parts = [`${count(account.emitted)} sent of ${count(account.requested)}`];
  if (sum(account.refused)) parts.push(`refused: ${reasons(account.refused)}`);
  if (sum(account.lost)) parts.push(`lost: ${reasons(account.lost)}`);
  return parts.join("; ");
}

function margin(account) {
  const margins = account && account.margins;
  if (!margins || margins.worst_ms === null) return null;
  const worst = `tightest ${Math.round(margins.worst_ms)} ms`;
  return margins.p99_ms === null ? worst : `99 of 100 have more than ${margins.p99_ms} ms; ${worst}`;
}

function uplinks(link) {
  const parts = [plural(link.forwarded || 0, "frame")];
  if (link.acknowledged !== undefined) parts.push(`${count(link.acknowledged)} acknowledged`);
  else if (link.ackr !== null && link.ackr !== undefined) parts.push(`${link.ackr} % acknowledged`);
  return parts.join(", ");
}

function card(link, account) {
  const well = link.state === "up" ? "good" : /^(starting|waiting|connecting)/.test(link.state) ? "warn" : "bad";
  return el("article", { class: "card", "aria-label": `Server ${link.name}` },
    el("div", { class: "row" }, el("h3", {}, link.name), badge(link.state === "up" ? "connected" : link.state, well)),
    link.trouble ? el("p", { class: "trouble" }, link.trouble) : "",
    facts([
      ["Speaks", `${KINDS[link.kind] || link.kind || ""}${link.server ? `, ${link.server}` : ""}`],
      ["Uplinks", uplinks(link)],
      link.filtered ? ["Filtered", reasons(link.filtered_by)] : null,
      ["Downlinks", downlinks(account)],
      ["Margin", margin(account)],
      ["Round trip", trip(link)],
      ["On the line", traffic(link)],
      ["Certificates", certificates(link)],
      ["Outages", outage(link)],
      link.connections > 1 ? ["Connections", `${count(link.connections)} made`] : null,
    ]));
}

export function renderLinks(state) {
  const accounts = (state.downlinks && state.downlinks.links) || {};
  reveal("links", (state.links || []).length > 0);
  show("links-list", (state.links || []).map((link) => card(link, accounts[link.name])));
}
