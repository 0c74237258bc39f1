// The status page: asks whether it still tells the truth and, if not, takes over the new page's content.
(() => {
  "use strict";
  const FIRST = 700; // milliseconds between two questions, growing gently …
  const LONGEST = 3000;
  const GROWTH = 1.25;
  const PATIENT = 10 * 60 * 1000; // … and after this time seldom
  const SELDOM = 20000; // … and where nothing is about to happen

  const region = document.getElementById("status");
  const offline = document.getElementById("offline");
  const began = Date.now();
  let wait = FIRST;
  let timer = 0;
  const shown = () => region.firstElementChild.dataset;

  const get = async (address) => {
    const reply = await fetch(address, { cache: "no-store", credentials: "same-origin" });
    if (!reply.ok) throw new Error("answered " + reply.status);
    return reply;
  };

  // The words are the server's alone: the page is fetched again and its content taken over.
  const renew = async () => {
    const reply = await get(window.location.href);
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.getElementById("status");
    if (!fresh) {
      window.location.reload();
      return;
    }
    region.replaceChildren(...fresh.children);
    document.title = shown().title;
    wait = FIRST;
  };

  const look = async () => {
    try {
      const answer = await (await get(region.dataset.poll + window.location.search)).json();
      if (answer.tag !== shown().tag) await renew();
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    if (shown().final !== "true") later();
  };

  const later = () => {
    clearTimeout(timer);
    const seldom = shown().seldom === "true" || Date.now() - began > PATIENT;
    timer = setTimeout(look, seldom ? SELDOM : wait);
    wait = Math.min(wait * GROWTH, LONGEST);
  };

  if (shown().final !== "true") later();
  // A page that was hidden, or that the browser kept, looks at once.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && shown().final !== "true") {
      wait = FIRST;
      later();
    }
  });
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
})();
