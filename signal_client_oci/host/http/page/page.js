// Shows status.json and asks for it again every few seconds. Whatever a server or an event wrote is set as text only.
"use strict";

const REFRESH_SECONDS = 5;
const ANSWER_WITHIN_SECONDS = 10;
const MANY_INSTANCES = 4;
const SVG = "http://www.w3.org/2000/svg";
const WORDS = { failed: "Failed", overdue: "Overdue", degraded: "Degraded", waiting: "Not polled yet", ok: "OK" };
const SOURCE_WORDS = {
  ok: "OK", failed: "Failed", partial: "Partly read", skipped: "Off or not due", waiting: "Not read yet",
};
const SOURCE_VERDICTS = { ok: "ok", failed: "failed", partial: "degraded", skipped: "waiting", waiting: "waiting" };
const ICONS = {
  ok: "M3.5 8.5l3 3 6-7",
  failed: "M4 4l8 8M12 4l-8 8",
  overdue: "M8 3.5V8l3 2.5M8 1.5a6.5 6.5 0 1 0 .01 0",
  degraded: "M8 2L1.5 13.5h13zM8 6.5v3M8 11.6v.2",
  waiting: "M4 8h8",
};

const cards = new Map();
let lastAnswer = null;
let timer = null;

// --- small parts ------------------------------------------------------------------------------------------------

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawing(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function icon(verdict) {
  const path = drawing("path", { d: ICONS[verdict] });
  return drawing("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, path);
}

function badge(verdict, word) {
  return element("span", { class: "badge", "data-verdict": verdict }, icon(verdict), word);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function count(number) {
  return number.toLocaleString("en");
}

function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} KiB`;
}

function clock(moment) {
  return `${moment.slice(11, 19)} UTC`;
}

function secondsBetween(earlier, later) {
  return (Date.parse(later) - Date.parse(earlier)) / 1000;
}

// --- one instance -----------------------------------------------------------------------------------------------

function pollFacts(one, now) {
  const facts = [];
  if (one.polling) facts.push(`polling for ${span(secondsBetween(one.started, now))}`);
  if (one.ended) {
    facts.push(`last poll ${span(secondsBetween(one.ended, now))} ago, at ${clock(one.ended)}`);
  } else if (!one.polling) {
    facts.push("no poll yet");
  }
  const until = one.next_poll && !one.polling ? secondsBetween(now, one.next_poll) : 0;
  if (until > 0) facts.push(`next in ${span(until)}`);
  facts.push(`every ${span(one.interval_seconds)}`);
  if (one.checkpoint_bytes !== null) facts.push(`checkpoint ${size(one.checkpoint_bytes)}`);
  return facts;
}

function finding(found) {
  const parts = [element("p", { class: "code" }, found.code)];
  if (found.sources.length) parts.push(element("p", { class: "affects" }, found.sources.join(", ")));
  parts.push(element("p", {}, found.message));
  if (found.remedy) {
    parts.push(element("p", { class: "remedy" }, element("strong", {}, "What to do: "), found.remedy));
  }
  return element("li", { class: "finding" }, ...parts);
}

function findings(one) {
  const found = one.findings.map(finding);
  if (one.result === "aborted") {
    const next = "Nothing is lost: the next poll resumes from the checkpoint that was stored last.";
    const aborted = { code: "ABORTED", sources: [], message: `The poll was aborted: ${one.problem}`, remedy: next };
    found.unshift(finding(aborted));
  }
  if (one.verdict === "overdue") {
    const since = span(one.seconds_without_report);
    const message = `No poll has ended with a report for ${since}; the interval is ${span(one.interval_seconds)}.`;
    const remedy = "Look at the log of the process: a poll hangs, or every one is aborted.";
    found.unshift(finding({ code: "NOT_POLLED", sources: [], message, remedy }));
  }
  return found.length ? [element("ul", { class: "findings", "aria-label": "What needs attention" }, ...found)] : [];
}

function chip(source) {
  const verdict = SOURCE_VERDICTS[source.status];
  const lag = source.lag_seconds === null ? SOURCE_WORDS[source.status] : `lag ${span(source.lag_seconds)}`;
  return element("span", { class: "chip", "data-verdict": verdict }, icon(verdict), `${source.title}: ${lag}`);
}

function fact(term, value) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, value));
}

function sourceCard(source, slotSeconds) {
  const verdict = SOURCE_VERDICTS[source.status];
  const facts = [
    fact("Lag", source.lag_seconds === null ? "not known" : span(source.lag_seconds)),
    fact("Last poll", count(source.new)),
    fact("Total", count(source.records)),
  ];
  const further = [
    ["Repeats left out", source.repeats], ["Secrets masked", source.masked], ["Throttled (429)", source.throttled],
  ];
  facts.push(...further.filter(([, value]) => value).map(([term, value]) => fact(term, count(value))));
  const head = element("div", { class: "source-head" }, element("h3", {}, source.title));
  head.append(badge(verdict, SOURCE_WORDS[source.status]));
  const parts = [head];
  if (source.code) parts.push(element("p", { class: "code" }, source.code));
  parts.push(...chart(source, slotSeconds), element("dl", {}, ...facts));
  return element("li", { class: "source", "data-verdict": verdict }, ...parts);
}

// --- the chart --------------------------------------------------------------------------------------------------

function chart(source, slotSeconds) {
  const { records, lag } = source.chart;
  const hours = Math.round((records.length * slotSeconds) / 3600);
  const known = lag.filter((one) => one !== null);
  const total = records.reduce((sum, one) => sum + one, 0);
  if (!total && !known.length) {
    return [element("p", { class: "no-chart" }, `Nothing was read in the last ${hours} hours.`)];
  }
  const most = Math.max(...records);
  const longest = known.length ? Math.max(...known) : null;
  const mostText = `records: at most ${count(most)} in ${span(slotSeconds)}`;
  const lagText = longest === null ? "lag not known" : `lag: at most ${span(longest)}`;
  const told = `${count(total)} records in the last ${hours} hours; ${mostText}; ${lagText}`;
  const picture = drawing(
    "svg", { viewBox: `0 0 ${records.length * 4} 76`, preserveAspectRatio: "none", class: "chart", role: "img",
      "aria-label": told },
    ...bars(records, most), ...lagLine(lag, longest),
  );
  const axis = element("p", { class: "axis", "aria-hidden": "true" }, `${hours} h ago`, element("span", {}, "now"));
  const legend = element("p", { class: "legend", "aria-hidden": "true" },
    element("span", { class: "key-bars" }, mostText), element("span", { class: "key-line" }, lagText));
  return [picture, axis, legend];
}

function bars(records, most) {
  const base = drawing("path", { d: `M0 44.5h${records.length * 4}`, class: "base" });
  const shapes = records.flatMap((value, at) => {
    if (!value) return [];
    const height = Math.max(1.5, (value / most) * 42);
    return [drawing("rect", { x: at * 4 + 0.5, y: 44 - height, width: 3, height, class: "bar" })];
  });
  return [base, ...shapes];
}

function lagLine(lag, longest) {
  const base = drawing("path", { d: `M0 75.5h${lag.length * 4}`, class: "base" });
  const known = lag.flatMap((value, at) => (value === null ? [] : [[at * 4 + 2, 74 - (value / (longest || 1)) * 24]]));
  if (known.length === 1) {
    const [x, y] = known[0];
    return [base, drawing("path", { d: `M${x - 2} ${y}h4`, class: "line" })];
  }
  const path = known.map(([x, y], at) => `${at ? "L" : "M"}${x} ${y.toFixed(1)}`).join("");
  return path ? [base, drawing("path", { d: path, class: "line" })] : [base];
}

// --- the page ---------------------------------------------------------------------------------------------------

function makeCard() {
  const verdict = element("span", { class: "verdict" });
  const name = element("h2");
  const facts = element("p", { class: "facts" });
  const chips = element("p", { class: "chips" });
  const body = element("div", { class: "body" });
  const summary = element("summary", {}, element("span", { class: "title" }, verdict, name), facts, chips);
  const details = element("details", {}, summary, body);
  const card = { item: element("li", { class: "instance" }, details), details, verdict, name, facts, chips, body };
  card.chosen = false; // whether a person opened or closed it
  summary.addEventListener("click", () => { card.chosen = true; });
  return card;
}

function updateCard(card, one, state) {
  card.item.dataset.verdict = one.verdict;
  card.verdict.replaceChildren(badge(one.verdict, WORDS[one.verdict]));
  setText(card.name, one.name);
  card.facts.classList.toggle("polling", one.polling);
  setText(card.facts, pollFacts(one, state.now).join(" · "));
  card.chips.replaceChildren(...one.sources.map(chip));
  const sources = one.sources.map((source) => sourceCard(source, state.slot_seconds));
  card.body.replaceChildren(...findings(one), element("ul", { class: "sources", "aria-label": "Sources" }, ...sources));
  const isTroubled = ["failed", "overdue", "degraded"].includes(one.verdict);
  if (!card.chosen) card.details.open = isTroubled || state.instances.length <= MANY_INSTANCES;
}

function showInstances(state) {
  const names = new Set(state.instances.map((one) => one.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      card.item.remove();
      cards.delete(name);
    }
  }
  const list = document.getElementById("list");
  const focused = document.activeElement;
  state.instances.forEach((one, at) => {
    if (!cards.has(one.name)) cards.set(one.name, makeCard());
    const card = cards.get(one.name);
    updateCard(card, one, state);
    if (list.children[at] !== card.item) list.insertBefore(card.item, list.children[at] ?? null);
  });
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function showTop(state) {
  const verdicts = state.instances.map((one) => one.verdict);
  const top = document.querySelector(".top");
  top.dataset.verdict = verdicts[0] ?? "waiting";
  setText(document.getElementById("headline"), state.headline);
  setText(document.getElementById("version"), state.version);
  document.title = `${state.headline} · signal-client-oci`;
  const counts = Object.entries(WORDS).map(([verdict, word]) => [verdict, word, verdicts.filter((one) => one === verdict)]);
  const shown = counts.filter(([, , of]) => of.length);
  const items = shown.map(([verdict, word, of]) => element("li", {}, badge(verdict, `${count(of.length)} ${word.toLowerCase()}`)));
  document.getElementById("counts").replaceChildren(...items);
  setText(document.getElementById("updated"), `As of ${clock(state.now)}, refreshed every ${REFRESH_SECONDS} seconds`);
  const empty = document.getElementById("empty");
  empty.hidden = verdicts.length > 0;
  setText(empty, "No instance is polled here. One that is added appears without a reload.");
}

function show(state) {
  lastAnswer = state;
  document.body.classList.remove("stale");
  document.getElementById("lost").hidden = true;
  showTop(state);
  showInstances(state);
}

function showLost(error) {
  const lost = document.getElementById("lost");
  if (!lost.hidden) return;
  const since = `${new Date().toISOString().slice(11, 19)} UTC`;
  const shown = lastAnswer ? `shows what was known at ${clock(lastAnswer.now)}` : "has nothing to show";
  const again = `tries again every ${REFRESH_SECONDS} seconds`;
  setText(lost, `This page lost its server at ${since} (${error.message}). It ${shown}, and ${again}.`);
  lost.hidden = false;
  document.body.classList.add("stale");
  document.title = "Server lost · signal-client-oci";
}

async function refresh() {
  clearTimeout(timer);
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_SECONDS * 1000);
    const answer = await fetch("status.json", { cache: "no-store", signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showLost(error);
  }
  timer = setTimeout(refresh, REFRESH_SECONDS * 1000);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
