// Keeps what moves up to date: asks for the page again and puts its [data-live] parts into this one. When one of them
// has come to its end, the whole page is read anew, unless somebody is in the middle of something on it.
"use strict";

const EVERY_MS = 3000;

const isBusy = (element) => element.contains(document.activeElement) || element.querySelector("details[open]") !== null;

async function look() {
  const parts = document.querySelectorAll("[data-live]");
  if (parts.length === 0) return;
  if (!document.hidden) {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    // Signed out, or gone: what is shown stays as it is.
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    let ended = false;
    for (const part of parts) {
      const next = fresh.getElementById(part.id);
      if (next === null || !("live" in next.dataset)) ended = true;
      else if (!isBusy(part) && part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
    }
    if (ended && !isBusy(document.getElementById("main"))) return location.reload();
  }
  again();
}

function again() {
  setTimeout(() => look().catch(again), EVERY_MS);
}

again();
