// What changed and when, what was done about failures, and position, time and beacons.

import { badge, el, facts, reveal, show } from "./dom.js";
import { ago, clock, count, reasons, span } from "./words.js";

const GOOD = new Set(["up", "valid", "heard"]);
const NEUTRAL = new Set(["starting", "waiting for an answer", "connecting"]);
const NAMES = { radio: "Radio", gps: "GPS", hearing: "Hearing", link: "Server" };

function change(event) {
  const kind = GOOD.has(event.state) ? "good" : NEUTRAL.has(event.state) ? "" : "bad";
  const who = event.name ? `${NAMES[event.what] || event.what} ${event.name}` : NAMES[event.what] || event.what;
  const when = `${clock(event.at_ms)} · ${ago(event.at_ms)}`;
  const again = event.count > 1 ? ` · ${count(event.count)} times, last ${clock(event.last_ms)}` : "";
  return el("li", {},
    el("time", { class: "when", datetime: new Date(event.at_ms).toISOString() }, when + again),
    `${who} `, badge(event.state, kind), event.text ? el("span", { class: "muted" }, ` ${event.text}`) : "");
}

function failure(one, index) {
  const registers = Object.entries(one.registers || {});
  return el("details", {},
    el("summary", {}, `${span(one.age_s)} ago: ${one.reason}`),
    registers.length ? el("ul", { class: "registers mono" }, registers.map(([name, value]) => el("li", {}, `${name} ${typeof value === "number" ? `0x${value.toString(16)}` : value}`)))
      : el("p", { class: "muted" }, "The registers could not be read."));
}

export function renderHistory(state) {
  const events = state.events || [], radio = state.radio;
  const steps = Object.entries(radio.recovery || {}).map(([step, number]) => `${step} ${count(number)}`).join(", ");
  show("history-body", [
    steps ? facts([["Recovery", steps], ["Because of", reasons(radio.reasons)]]) : null,
    events.length ? el("ul", { class: "events", tabindex: "0", "aria-label": "Changes, newest first" }, events.map(change)) : el("p", { class: "muted" }, "Nothing yet."),
    (radio.failures || []).length ? el("div", {}, el("h3", {}, "Failures, with the chip's registers"), [...radio.failures].reverse().map(failure)) : null,
  ]);
}

const yes = (good, age) => [badge(good ? "yes" : "no", good ? "good" : "warn"), age === null || age === undefined ? "" : el("span", { class: "muted" }, ` ${span(age)} ago`)];

export function renderTime(state) {
  const gps = state.gps || {}, place = state.position, beacons = state.beacons;
  reveal("time", Boolean(gps.source || place || beacons));
  show("time-body", [
    facts([
      place ? ["Antenna", `${place.latitude_deg.toFixed(5)}°, ${place.longitude_deg.toFixed(5)}°, ${place.altitude_m} m`] : null,
      gps.source ? ["Receiver", `${gps.source}${gps.protocol ? `, ${gps.protocol}` : ""}`] : null,
      gps.source ? ["Position", yes(gps.position_fix, gps.position_age_s)] : null,
      gps.source && gps.satellites !== null ? ["Satellites", String(gps.satellites)] : null,
      gps.source ? ["Time", yes(gps.time_fix, gps.time_age_s)] : null,
      gps.source ? ["Pulse (PPS)", yes(gps.pps, gps.pps_age_s)] : null,
      gps.source ? ["Usable together", gps.valid ? badge("yes", "good") : [badge("no", "warn"), ` ${gps.reason}`]] : null,
      gps.crystal_ppm !== null && gps.crystal_ppm !== undefined ? ["Crystal", `${gps.crystal_ppm.toFixed(2)} ppm off`] : null,
      beacons ? ["Beacons", beacons.words.replace(/^beacons: /, "")] : null,
    ])]);
}
