// Shows new events as they come: fetches the page again and takes over what is new in it.
(() => {
  "use strict";
  const PAUSE = 1500; // milliseconds
  const list = document.getElementById("events");
  document.body.classList.add("live");

  const takeOver = (fresh) => {
    const keys = new Map([...list.children].map((item) => [item.id, item]));
    let before = null;
    for (const item of [...fresh.getElementById("events").children].reverse()) {
      const old = keys.get(item.id);
      let shown = old;
      if (!old || old.dataset.key !== item.dataset.key) {
        shown = document.adoptNode(item);
        shown.classList.add("new");
        if (old) {
          shown.querySelector("details").open = old.querySelector("details").open;
          old.replaceWith(shown);
        }
      }
      if (!old) list.insertBefore(shown, before);
      before = shown;
      keys.delete(item.id);
    }
    keys.forEach((item) => item.remove());
    document.getElementById("empty").hidden = list.children.length > 0;
    for (const id of ["count", "notice"]) {
      const now = fresh.getElementById(id).innerHTML;
      const element = document.getElementById(id);
      if (element.innerHTML !== now) element.innerHTML = now;
    }
  };

  const look = async () => {
    try {
      const reply = await fetch("/", { cache: "no-store" });
      if (reply.ok) takeOver(new DOMParser().parseFromString(await reply.text(), "text/html"));
    } catch {
      // The shop is not there at the moment; the next look may find it.
    }
    window.setTimeout(look, document.hidden ? PAUSE * 4 : PAUSE);
  };
  window.setTimeout(look, PAUSE);
})();
