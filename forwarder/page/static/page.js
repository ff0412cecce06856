// Keeps the page as the gateway is: by server-sent events, else by asking every few seconds.

import { byId, show } from "./dom.js";
import { arrangeFrames, renderFrames } from "./frames.js";
import { renderAir, renderMargins, renderSpectrum } from "./air.js";
import { renderHistory, renderTime } from "./history.js";
import { renderLinks } from "./links.js";
import { renderLocal } from "./local.js";
import { renderSummary } from "./summary.js";
import { arrangeSignal, renderSignal } from "./waterfall.js";
import { clockIs, span } from "./words.js";

const KEPT = 3000; // frames for the waterfall
const POLL_MS = 4000;
const PATIENCE_MS = 9000; // without an event after this the page asks by itself

let state = null, heardAt = 0, started = "";
let frames = []; // newest first

function takeFrame(frame) {
  const known = frames.findIndex((one) => one.n === frame.n);
  if (known >= 0) frames[known] = frame;
  else {
    const older = frames.findIndex((one) => one.n < frame.n);
    frames.splice(older < 0 ? frames.length : older, 0, frame);
  }
  frames.length = Math.min(frames.length, KEPT);
}

function takeState(fresh) {
  if (fresh.started !== started) frames = []; // another run: its numbers begin anew
  started = fresh.started;
  clockIs(fresh.at);
  for (const frame of [...(fresh.frames || [])].reverse()) takeFrame(frame);
  state = fresh;
  heard();
  render();
}

function heard() {
  heardAt = performance.now();
  tellLive();
}

function render() {
  if (!state) return;
  for (const part of [renderSummary, renderFrames, renderSignal, renderLinks, renderAir, renderMargins, renderSpectrum, renderLocal, renderTime, renderHistory]) {
    if (part === renderFrames || part === renderSignal) part(frames);
    else part(state, frames);
  }
}

let due = false;
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; renderFrames(frames); renderSignal(frames); });
}

function tellLive() {
  const silentS = (performance.now() - heardAt) / 1000, on = state && silentS < PATIENCE_MS / 1000;
  byId("live").className = `live ${on ? "on" : "off"}`;
  const text = on ? "live" : state ? `no answer for ${span(silentS)}; still trying` : "no answer yet; still trying";
  if (byId("live-text").textContent !== text) show("live-text", [text]);
}

async function ask() {
  try {
    const answer = await fetch("/state.json", { cache: "no-store", signal: AbortSignal.timeout(POLL_MS) });
    if (answer.status === 401) location.assign("/login");
    if (answer.ok) takeState(await answer.json());
  } catch { /* tellLive says it */ }
}

let source = null;
function connect() {
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("state", (event) => takeState(JSON.parse(event.data)));
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) ask(); });
  source.addEventListener("frame", (event) => { takeFrame(JSON.parse(event.data)); heard(); soon(); });
}

arrangeFrames(() => frames, render);
arrangeSignal(() => renderSignal(frames));
connect();
setInterval(() => { tellLive(); if (state && document.visibilityState === "visible") { renderFrames(frames); renderSignal(frames); } }, 1000);
setInterval(() => {
  const closed = source.readyState === EventSource.CLOSED; // refused once; browsers give up then
  if (!closed && performance.now() - heardAt < PATIENCE_MS) return;
  ask();
  if (closed) connect();
}, POLL_MS);
