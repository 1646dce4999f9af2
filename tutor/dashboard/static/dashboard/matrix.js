// The mastery map by keyboard, and the details of a cell without leaving it. Without this script the same details are
// behind the name of each concept.
"use strict";

const table = document.querySelector(".map .matrix");
const dialog = document.querySelector("dialog.detail");

function start() {
  const rows = [...table.tBodies[0].rows];
  const concepts = [...table.querySelectorAll(".titles a")];
  let current = rows[0].cells[1];

  // One stop for the Tab key, as in any grid: the arrow keys move within.
  function move(cell) {
    current.tabIndex = -1;
    current = cell;
    current.tabIndex = 0;
    // Left to itself, the focus does not scroll to what is in sight by a pixel, or under the heads.
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function target(event) {
    const row = rows.indexOf(current.parentElement);
    const [last, bottom] = [concepts.length, rows.length - 1];
    const to = {
      ArrowLeft: [row, current.cellIndex - 1],
      ArrowRight: [row, current.cellIndex + 1],
      ArrowUp: [row - 1, current.cellIndex],
      ArrowDown: [row + 1, current.cellIndex],
      Home: [event.ctrlKey ? 0 : row, 1],
      End: [event.ctrlKey ? bottom : row, last],
    }[event.key];
    return to && rows[Math.min(Math.max(to[0], 0), bottom)].cells[Math.min(Math.max(to[1], 1), last)];
  }

  async function open(cell) {
    const address = new URL(concepts[cell.cellIndex - 1].href);
    address.searchParams.set("learner", cell.parentElement.dataset.learner);
    const answer = await fetch(address, { credentials: "same-origin" });
    // Signed out, or gone since: the page behind the concept says so.
    if (!answer.ok || answer.redirected) return location.assign(concepts[cell.cellIndex - 1].href);
    const detail = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-cell]");
    const body = dialog.querySelector(".body");
    body.replaceChildren(detail);
    if (!dialog.open) dialog.showModal();
    body.focus();
  }

  table.setAttribute("role", "grid");
  current.tabIndex = 0;
  table.tBodies[0].addEventListener("keydown", (event) => {
    if (event.target !== current || event.altKey || event.metaKey) return;
    const cell = target(event);
    if (cell) move(cell);
    else if (event.key === "Enter" || event.key === " ") open(current);
    else return;
    event.preventDefault();
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    move(cell);
    open(cell);
  });
  // A click beside the card closes it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.querySelector("[data-hint]").hidden = false;
}

if (table !== null) start();
