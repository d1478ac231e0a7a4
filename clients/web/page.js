/* page.js: the small page: jobs, and of a chosen one a curve, why it waits, its events, its verbs.
   All that comes from the server is put into text nodes. */
"use strict";

const POLL_MS = 2000, EVENTS_SHOWN = 50;
const byId = (id) => document.getElementById(id);
const state = { chosen: null, metric: null, older: null, cursor: null, events: [], timer: 0 };

/* ---- the server ---- */

async function ask(path, method = "GET") {
  const answer = await fetch(path, { method, headers: { Accept: "application/json" } });
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(body.detail || body.title || `status ${answer.status}`);
  return body;
}

/* ---- texts ---- */

const number = (x) => (x === null || x === undefined ? "–" : Number(x.toPrecision(5)).toString());

function duration(seconds) {
  if (seconds === null) return "unknown";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function progressText(job) {
  const { step, of, eta_seconds: eta } = job.progress;
  const steps = of ? `${step} of ${of}` : `step ${step}`;
  return job.state === "running" ? `${steps}, ${duration(eta)} to go` : steps;
}

function stateText(job) {
  const intents = job.intents.length ? ` (${job.intents.join(", ")} asked)` : "";
  const reason = job.reason && job.reason.kind ? `: ${job.reason.kind.replaceAll("_", " ")}` : "";
  return job.state + reason + intents;
}

const bestText = (job) => (job.best ? `${job.best.metric} ${number(job.best.value)} at step ${job.best.step}` : "–");

function latestText(job) {
  const names = ["train/loss", "validation/loss", "validation/accuracy"].filter((n) => n in job.latest);
  return names.map((n) => `${n} ${number(job.latest[n])}`).join(", ") || "–";
}

function whyText(job) {
  if (job.error) return `${job.error.what} ${job.error.where || ""} ${job.error.mend || ""}`;
  if (job.reason && job.reason.text) return job.reason.text;
  if (job.reason && job.reason.rule) {
    const numbers = Object.entries(job.reason.numbers ?? {}).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? number(value) : value}`);
    return `The rule ${job.reason.rule} fired: ${numbers.join(", ")}`;
  }
  const w = job.waiting;
  if (!w) return "";
  const asked = w.asked === null ? "" : `, asks for ${w.asked}, ${w.free} of ${w.limit} are free`;
  return `Waits: ${w.rule || "in the queue"}${asked}; ${w.ahead.count} ahead`;
}

/* ---- elements ---- */

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/* Changes a text only where it differs: a screen reader isn't told the same again. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* ---- the list ---- */

function newRow(id) {
  const row = element("tr", null, { "data-id": id });
  for (const label of ["Job", "State", "Progress", "Best", "Latest"])
    row.append(element("td", null, { "data-label": label }));
  const button = element("button", "", { type: "button", class: "job" });
  button.addEventListener("click", () => choose(id));
  row.cells[0].append(button);
  row.cells[2].append(element("progress", null, { max: "1", "aria-hidden": "true" }), element("div", ""));
  return row;
}

function fillRow(row, job) {
  say(row.cells[0].firstChild, job.name ? `${job.id} ${job.name}` : job.id);
  say(row.cells[1], stateText(job));
  row.cells[1].classList.toggle("bad", job.state === "failed");
  row.cells[2].firstChild.hidden = !job.progress.of;
  row.cells[2].firstChild.value = job.progress.of ? job.progress.step / job.progress.of : 0;
  say(row.cells[2].lastChild, progressText(job));
  say(row.cells[3], bestText(job));
  say(row.cells[4], latestText(job));
  row.classList.toggle("chosen", job.id === state.chosen);
}

/* Rows keep their elements, so that the focus stays where it is. */
function showJobs(jobs) {
  const body = byId("jobs");
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  jobs.forEach((job, i) => {
    const row = rows.get(job.id) || newRow(job.id);
    rows.delete(job.id);
    fillRow(row, job);
    if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] || null);
  });
  for (const row of rows.values()) row.remove();
  byId("no-jobs").hidden = jobs.length > 0;
}

async function pollJobs() {
  const pages = [await ask("/v1/jobs?limit=50")];
  for (let i = 0; i < (state.older || 0) && pages.at(-1).cursor; i++)
    pages.push(await ask(`/v1/jobs?limit=50&cursor=${encodeURIComponent(pages.at(-1).cursor)}`));
  byId("more").hidden = !pages.at(-1).cursor;
  showJobs(pages.flatMap((page) => page.jobs));
}

/* ---- the chosen job ---- */

function choose(id) {
  Object.assign(state, { chosen: id, cursor: null, events: [] });
  byId("events").replaceChildren();
  byId("job-verbs").replaceChildren();
  say(byId("job-answer"), "");
  byId("job").hidden = false;
  history.replaceState(null, "", `#${id}`); /* so that a job can be linked to */
  say(byId("job-title"), id);
  byId("job-title").focus();
  poll();
}

const verbs = {
  stop: ["queued", "running", "paused"], cancel: ["queued", "running", "paused"],
  pause: ["queued", "running"], resume: ["paused"], retry: ["failed", "cancelled"],
};

async function obey(id, verb) {
  try {
    await ask(`/v1/jobs/${id}/${verb}`, "POST");
    say(byId("job-answer"), `${verb}: accepted`);
  } catch (error) {
    say(byId("job-answer"), `${verb}: ${error.message}`);
  }
  poll();
}

function showVerbs(job) {
  const place = byId("job-verbs");
  if (!place.children.length) {
    for (const verb of Object.keys(verbs)) {
      const button = element("button", verb, { type: "button", "data-verb": verb });
      button.addEventListener("click", () => obey(job.id, verb));
      place.append(button);
    }
  }
  for (const button of place.children)
    button.disabled = !verbs[button.dataset.verb].includes(job.state);
}

function showMetrics(job) {
  const select = byId("metric"), names = Object.keys(job.latest).sort();
  if ([...select.options].map((option) => option.value).join() !== names.join()) {
    select.replaceChildren(...names.map((name) => element("option", name, { value: name })));
    if (!names.includes(state.metric))
      state.metric = names.includes("validation/accuracy") ? "validation/accuracy" : names[0] || null;
    if (state.metric) select.value = state.metric;
  }
}

async function pollEvents(id) {
  const query = state.cursor ? `&cursor=${encodeURIComponent(state.cursor)}` : "";
  const page = await ask(`/v1/jobs/${id}/events?limit=500${query}`);
  if (state.chosen !== id) return;
  state.cursor = page.cursor;
  for (const event of page.events) {
    const data = event.data ? ` ${JSON.stringify(event.data)}` : "";
    const actor = event.actor ? ` by ${event.actor}` : "";
    byId("events").prepend(element("li", `${event.time} ${event.kind}${actor}${data}`));
  }
  while (byId("events").children.length > EVENTS_SHOWN) byId("events").lastChild.remove();
}

/* ---- the curve ---- */

const svg = (name, attributes, text = null) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
};

/* A value that is not finite breaks the line. */
function curvePath(steps, values, x, y) {
  let isDown = false;
  return steps.map((step, i) => {
    if (values[i] === null) { isDown = false; return ""; }
    const part = `${isDown ? "L" : "M"}${x(step).toFixed(1)} ${y(values[i]).toFixed(1)}`;
    isDown = true;
    return part;
  }).join("");
}

/* Points without a finite neighbour, which no line shows: one dot each. */
function dots(column, x, y) {
  const isThere = (i) => i >= 0 && i < column.value.length && column.value[i] !== null;
  return column.step.flatMap((step, i) => (isThere(i) && !isThere(i - 1) && !isThere(i + 1)
    ? [svg("circle", { cx: x(step).toFixed(1), cy: y(column.value[i]).toFixed(1), r: 3 })] : []));
}

function drawCurve(name, column) {
  const finite = column ? column.value.filter((value) => value !== null) : [];
  if (!finite.length) {
    byId("curve").replaceChildren();
    say(byId("curve-text"), "No values yet.");
    return;
  }
  const low = Math.min(...finite), high = Math.max(...finite);
  const first = column.step[0], last = column.step.at(-1);
  const x = (step) => 60 + (570 * (step - first)) / (last - first || 1);
  const y = (value) => (high > low ? 210 - (190 * (value - low)) / (high - low) : 115);
  byId("curve").replaceChildren(
    svg("line", { x1: 60, y1: 210, x2: 630, y2: 210 }), svg("line", { x1: 60, y1: 20, x2: 60, y2: 210 }),
    svg("text", { x: 54, y: 24, "text-anchor": "end" }, number(high)),
    svg("text", { x: 54, y: 214, "text-anchor": "end" }, number(low)),
    svg("text", { x: 60, y: 230 }, `step ${first}`),
    svg("text", { x: 630, y: 230, "text-anchor": "end" }, `${last}`),
    svg("path", { d: curvePath(column.step, column.value, x, y) }), ...dots(column, x, y));
  say(byId("curve-text"), `${name}: from ${number(low)} to ${number(high)}, last ${number(finite.at(-1))} (steps ${first} to ${last})`);
}

async function pollCurve(id) {
  const name = state.metric;
  if (!name) return drawCurve("", null);
  const answer = await ask(`/v1/jobs/${id}/metrics?max_points=600&names=${encodeURIComponent(name)}`);
  if (state.chosen === id && state.metric === name) drawCurve(name, answer.metrics[name]);
}

async function pollJob() {
  const id = state.chosen;
  if (!id) return;
  const job = await ask(`/v1/jobs/${id}`);
  if (state.chosen !== id) return;
  say(byId("job-title"), job.name ? `${job.id} ${job.name}` : job.id);
  say(byId("job-state"), `${stateText(job)} · ${progressText(job)} · owner ${job.owner}`);
  say(byId("job-why"), whyText(job));
  showVerbs(job);
  showMetrics(job);
  await pollCurve(id);
  await pollEvents(id);
}

/* ---- polling: one round at a time, none while the page is hidden ---- */

let isPolling = false, isAskedAgain = false;

async function poll() {
  if (isPolling) { isAskedAgain = true; return; }
  isPolling = true;
  clearTimeout(state.timer);
  try {
    await pollJobs();
    await pollJob();
    say(byId("server"), "connected");
    byId("server").classList.remove("bad");
  } catch (error) {
    say(byId("server"), `no answer: ${error.message}`);
    byId("server").classList.add("bad");
  }
  isPolling = false;
  if (isAskedAgain) { isAskedAgain = false; poll(); return; }
  if (!document.hidden) state.timer = setTimeout(poll, POLL_MS);
}

byId("metric").addEventListener("change", () => { state.metric = byId("metric").value; poll(); });
byId("more").addEventListener("click", () => { state.older = (state.older || 0) + 1; poll(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
if (/^#j[0-9]+$/.test(location.hash)) choose(location.hash.slice(1));
else poll();
