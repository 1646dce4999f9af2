// The map of prerequisites: zoom, dragging, search while one types, and what a concept hangs together with. Without it
// the map scrolls at its own size, and searching asks the server.
"use strict";

const LEAST = 0.2, MOST = 3, STEP = 1.25, READABLE = 0.85;

const frame = document.getElementById("frame");
const map = document.getElementById("map");
const [, , WIDTH, HEIGHT] = map.getAttribute("viewBox").split(" ").map(Number);
const boxes = [...map.querySelectorAll(".box")];
const edges = [...map.querySelectorAll(".of")];
const entries = [...document.querySelectorAll(".entry")];
const box = new Map(boxes.map((each) => [each.dataset.concept, each]));
let scale = 1;

// Zoom: the frame scrolls, so fingers, wheels and arrow keys pan it as they do any page.
function zoom(wanted, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const next = Math.min(MOST, Math.max(LEAST, wanted));
  const left = (frame.scrollLeft + x) * next / scale - x, top = (frame.scrollTop + y) * next / scale - y;
  scale = next;
  map.setAttribute("width", Math.round(WIDTH * scale));
  map.setAttribute("height", Math.round(HEIGHT * scale));
  frame.scrollTo(left, top);
  document.getElementById("scale").textContent = `${Math.round(scale * 100)} %`;
}

const whole = () => Math.min(1, (frame.clientWidth - 2) / WIDTH);
const zooms = { in: () => zoom(scale * STEP), out: () => zoom(scale / STEP), fit: () => zoom(whole()), one: () => zoom(1) };

document.getElementById("tools").hidden = false;
document.getElementById("tools").addEventListener("click", (event) => {
  const button = event.target.closest("[data-zoom]");
  if (button !== null) zooms[button.dataset.zoom]();
});
frame.addEventListener("keydown", (event) => {
  const name = { "+": "in", "=": "in", "-": "out", "0": "one" }[event.key];
  if (event.key === "Escape") choose(null);
  if (name === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  zooms[name]();
});
frame.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  const at = frame.getBoundingClientRect();
  zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - at.left, event.clientY - at.top);
}, { passive: false });

// A mouse drags; a finger scrolls by itself.
let from = null, moved = false;
frame.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || event.button !== 0) return;
  from = [event.clientX + frame.scrollLeft, event.clientY + frame.scrollTop, event.clientX, event.clientY];
  moved = false;
});
addEventListener("pointermove", (event) => {
  if (from === null) return;
  moved ||= Math.hypot(event.clientX - from[2], event.clientY - from[3]) > 4;
  if (!moved) return;
  frame.classList.add("drags");
  frame.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
});
addEventListener("pointerup", () => { from = null; frame.classList.remove("drags"); });
frame.addEventListener("dragstart", (event) => event.preventDefault());

// Lines are thin: around each lies a broad one that nobody sees.
for (const edge of edges) {
  const hit = edge.querySelector(".edge").cloneNode();
  hit.setAttribute("class", "hit");
  edge.append(hit);
}

// What a concept hangs together with, however far away.
const chosen = document.getElementById("chosen");

function reached(start, one, other) {
  const found = new Set(), ahead = [start];
  while (ahead.length > 0) {
    const here = ahead.pop();
    for (const edge of edges) {
      if (edge.dataset[one] !== here || found.has(edge)) continue;
      found.add(edge);
      ahead.push(edge.dataset[other]);
    }
  }
  return found;
}

function titles(concept, one, other) {
  const names = edges.filter((edge) => edge.dataset[one] === concept).map((edge) => box.get(edge.dataset[other]).dataset.title);
  return names.length > 0 ? names.join(", ") : chosen.dataset.none;
}

function choose(concept) {
  map.classList.toggle("chooses", concept !== null);
  chosen.hidden = concept === null;
  for (const each of [...edges, ...boxes]) each.classList.remove("on");
  if (concept === null) return;
  const on = new Set([...reached(concept, "to", "from"), ...reached(concept, "from", "to")]);
  box.get(concept).classList.add("on");
  for (const edge of on) {
    edge.classList.add("on");
    for (const end of [edge.dataset.from, edge.dataset.to]) box.get(end).classList.add("on");
  }
  chosen.querySelector("b").textContent = box.get(concept).dataset.title;
  chosen.querySelector("span").textContent =
    `${chosen.dataset.needs}: ${titles(concept, "to", "from")}; ${chosen.dataset.feeds}: ${titles(concept, "from", "to")}.`;
  chosen.querySelector("a").href = `#c${concept}`;
}

map.addEventListener("click", (event) => {
  if (moved) return event.preventDefault();
  const at = event.target.closest(".box");
  if (at === null) return;
  event.preventDefault();
  choose(at.classList.contains("on") && !chosen.hidden && chosen.querySelector("a").hash === at.hash ? null : at.dataset.concept);
});
chosen.querySelector("button").addEventListener("click", () => choose(null));
chosen.querySelector("a").addEventListener("click", (event) => open_(event.currentTarget.hash));

function open_(hash) {
  const body = hash.startsWith("#c") ? document.getElementById(hash.slice(1)) : null;
  if (body === null) return;
  body.parentElement.hidden = false;
  body.parentElement.open = true;
  body.parentElement.scrollIntoView({ block: "center" });
}

// Search
const asked = document.getElementById("q"), told = document.getElementById("found");
let place = -1;

const fold = (text) => text.toLocaleLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
const isCalled = (element, wanted) => wanted !== "" && fold(element.dataset.title).includes(wanted);

function search() {
  const wanted = fold(asked.value.trim());
  let n = 0;
  place = -1;
  for (const each of boxes) {
    const is = isCalled(each, wanted);
    n += is;
    each.classList.toggle("found", is);
    each.classList.remove("at");
  }
  for (const each of entries) each.hidden = wanted !== "" && !isCalled(each, wanted);
  map.classList.toggle("searched", wanted !== "");
  told.textContent = wanted === "" ? "" : n === 1 ? `${told.dataset.one}.` : `${told.dataset.many.replace("#", n)}.`;
  if (n > 0) next();
}

function next() {
  const found = boxes.filter((each) => each.classList.contains("found"));
  if (found.length === 0) return;
  found[Math.max(place, 0)]?.classList.remove("at");
  place = (place + 1) % found.length;
  found[place].classList.add("at");
  show(found[place]);
}

function show(element) {
  const at = element.querySelector("rect"), [x, y] = ["x", "y"].map((name) => Number(at.getAttribute(name)));
  frame.scrollTo((x + 88) * scale - frame.clientWidth / 2, (y + 39) * scale - frame.clientHeight / 2);
}

// The server has narrowed the list to what was searched for: only it can widen it again.
if (asked.value === "") {
  asked.addEventListener("input", search);
  asked.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || asked.value.trim() === "") return;
    event.preventDefault();
    next();
  });
}

zoom(Math.max(READABLE, whole()));
frame.scrollTo((WIDTH * scale - frame.clientWidth) / 2, 0);
if (asked.value !== "") next();
else if (map.querySelector(".back") !== null) {
  // Edges of one kind alone: to the first of them.
  const first = map.querySelector(".of:not(.back)");
  if (first !== null) show(box.get(first.dataset.to));
}
open_(location.hash);
addEventListener("hashchange", () => open_(location.hash));
