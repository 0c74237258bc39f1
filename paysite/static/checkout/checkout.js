// The checkout page: asks the gateway's card form for a token and sends it, once (requirement A8).
// The messages are those of payments/gateways/sandbox/pages.py. Without this file the gateway's own page is used.
(() => {
  "use strict";
  document.documentElement.classList.add("js");

  const READY_WITHIN = 6000; // milliseconds, then another gateway's form is tried
  const ANSWER_WITHIN = 20000;
  const AWAY = "The payment provider does not answer. Nothing was charged. Please load this page again in a moment.";

  const start = () => {
    const form = document.getElementById("pay-form");
    const button = document.getElementById("pay-button");
    const note = document.getElementById("pay-note");
    const error = document.getElementById("pay-error");
    const place = document.getElementById("card-fields");
    const label = button.textContent;
    const origin = form.dataset.origin;
    const otherForm = document.getElementById("other-form");
    const noForm = document.getElementById("no-form");
    // loading → idle → asking (for the card) → paying (sent; never idle again on this page)
    let state = "loading";
    let timer = 0;
    let ignoreNext = false;

    const frame = document.createElement("iframe");
    frame.src = form.dataset.fields;
    frame.title = "Card number, expiry date and security code";
    place.append(frame);

    // Browsers may keep a reloaded page's button as it was.
    button.disabled = true;

    const show = (next, message) => {
      state = next;
      const busy = next !== "idle";
      button.disabled = busy;
      button.textContent = busy ? button.dataset.busy : label;
      note.textContent = busy ? note.dataset.busy : "";
      error.textContent = message || "";
      if (otherForm) otherForm.hidden = !message;
      clearTimeout(timer);
    };

    // The gateway is down or far away: the next one's form, or the truth. A form that comes after all is welcome.
    const missing = () => {
      if (form.dataset.next) {
        window.location.replace(form.dataset.next);
        return;
      }
      form.classList.add("missing");
      noForm.hidden = false;
    };

    const ready = () => {
      if (state === "loading") show("idle");
      form.classList.remove("missing");
      noForm.hidden = true;
      place.classList.add("ready");
    };

    const ask = () => {
      if (state !== "idle") return;
      show("asking");
      timer = setTimeout(() => {
        // No token was sent to anybody, so nothing can have been charged. An answer that still comes is not wanted.
        ignoreNext = true;
        show("idle", "The card form did not answer. Nothing was charged. Please try again.");
      }, ANSWER_WITHIN);
      frame.contentWindow.postMessage({ type: "paysite-submit" }, origin);
    };

    const pay = (card) => {
      if (state === "paying") return;
      show("paying");
      form.elements.token.value = card.token;
      form.submit();
    };

    timer = setTimeout(missing, READY_WITHIN);

    window.addEventListener("message", (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow || !event.data) return;
      const message = event.data;
      if (message.type === "paysite-ready") {
        ready();
      } else if (message.type === "paysite-height") {
        frame.height = Math.min(Math.max(Math.ceil(Number(message.height)) || 0, 80), 900);
      } else if (message.type === "paysite-card" || message.type === "paysite-error") {
        const late = ignoreNext;
        ignoreNext = false;
        if (late && state === "idle") return;
        if (message.type === "paysite-card") pay(message);
        else if (state === "asking") show("idle", message.field ? "" : AWAY);
      }
    });

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask();
    });
  };

  document.addEventListener("DOMContentLoaded", start);
  // Back from the status page: only the server knows how the payment stands.
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
})();
