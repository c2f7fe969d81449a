/* What the pages do beside htmx: copy buttons, countdowns, and telling screen readers that a code came. */
(() => {
  "use strict";

  function say(words) {
    const place = document.getElementById("announcer");
    if (place) place.textContent = words;
  }

  /* --- Copy: <button data-copy="+44…" data-what="Number"><span data-copy-label>Copy</span></button> ------- */
  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr-only";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("refused");
    return undefined;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.querySelector("[data-copy-label]");
    button.dataset.label ??= label.textContent;
    try {
      await copy(button.dataset.copy);
      label.textContent = "Copied";
      say(`${button.dataset.what} copied`);
    } catch {
      label.textContent = "Select it to copy";
    }
    window.clearTimeout(button.timer);
    button.timer = window.setTimeout(() => { label.textContent = button.dataset.label; }, 1800);
  });

  /* --- Countdowns: <time data-seconds="725">12:05</time>. They start from the server's seconds, so a wrong
         clock here does no harm. ------------------------------------------------------------------------- */
  const pad = (number) => String(number).padStart(2, "0");

  function clock(seconds) {
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor((seconds % 3600) / 60);
    return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
  }

  function tick() {
    const now = performance.now();
    for (const place of document.querySelectorAll("[data-seconds]")) {
      place.deadline ??= now + Number(place.dataset.seconds) * 1000;
      const left = Math.max(0, Math.ceil((place.deadline - now) / 1000));
      if (place.tagName === "PROGRESS") place.value = left;
      else if (place.textContent !== clock(left)) place.textContent = clock(left);
    }
  }

  tick();
  window.setInterval(tick, 500);

  /* --- News: a swapped element with data-say is read out once ---------------------------------------------- */
  document.addEventListener("htmx:load", (event) => {
    tick();
    const words = event.detail.elt.dataset?.say;
    if (words) say(words);
  });

  /* --- Streams: a tab that nobody looks at gives its connection back (browsers have six for each host), and
         takes one again, by the extension's own way of reconnecting, when it is looked at. -------------------- */
  const streams = new Set();

  window.htmx.createEventSource = (url) => {
    const stream = new EventSource(url);
    streams.add(stream);
    return stream;
  };

  document.addEventListener("visibilitychange", () => {
    for (const stream of streams) {
      if (document.hidden) {
        stream.close();
      } else if (stream.readyState === EventSource.CLOSED) {
        streams.delete(stream);
        stream.onerror?.(new Event("error"));
      }
    }
  });

  /* --- The account menu closes by a click beside it or by Escape ------------------------------------------- */
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" ? document.querySelector("details.menu[open]") : null;
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
