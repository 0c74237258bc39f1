// The card form inside the shop's page; the messages are written down in payments/gateways/sandbox/pages.py.
(() => {
  "use strict";
  const shopOrigin = document.body.dataset.shopOrigin;
  const form = document.getElementById("card");
  const names = ["number", "expiry", "cvc"];
  const tell = (message) => window.parent.postMessage(message, shopOrigin);
  let busy = false;

  const show = (name, text) => {
    document.getElementById(name + "-error").textContent = text;
    if (name !== "form") form.elements[name].setAttribute("aria-invalid", text ? "true" : "false");
  };

  const refuse = (field, message) => {
    show(field || "form", message);
    if (field) form.elements[field].focus();
    tell({ type: "paysite-error", field, message });
  };

  const submit = async () => {
    if (busy) return;
    busy = true;
    names.concat("form").forEach((name) => show(name, ""));
    const card = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
    try {
      const reply = await fetch("/v1/tokens", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(card),
      });
      const answer = await reply.json();
      if (reply.ok) {
        tell({ type: "paysite-card", token: answer.token, brand: answer.brand, last4: answer.last4 });
        return;
      }
      const wrong = names.filter((name) => answer.error.fields && answer.error.fields[name]);
      wrong.forEach((name) => show(name, answer.error.fields[name]));
      if (wrong.length) refuse(wrong[0], answer.error.fields[wrong[0]]);
      else refuse("", "The card could not be read. Please try again.");
    } catch (error) {
      refuse("", "The payment service cannot be reached just now. Nothing was charged. Please try again.");
    } finally {
      busy = false;
    }
  };

  // Groups digits while typing at the end; in the middle the caret would jump.
  const group = (input, pattern) => {
    if (input.selectionStart === input.value.length) input.value = pattern(input.value.replace(/\D/g, ""));
  };
  form.elements.number.addEventListener("input", (event) =>
    group(event.target, (digits) => (digits.match(/.{1,4}/g) || []).join(" "))
  );
  form.elements.expiry.addEventListener("input", (event) => {
    if (event.inputType && event.inputType.startsWith("delete")) return;
    group(event.target, (digits) => (digits.length < 2 ? digits : digits.slice(0, 2) + " / " + digits.slice(2, 4)));
  });
  names.forEach((name) => form.elements[name].addEventListener("input", () => show(name, "")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  window.addEventListener("message", (event) => {
    const known = event.source === window.parent && event.origin === shopOrigin;
    if (known && event.data && event.data.type === "paysite-submit") submit();
  });
  document.querySelectorAll("button.number").forEach((button) =>
    button.addEventListener("click", () => {
      form.elements.number.value = button.dataset.number;
      form.elements.expiry.value = "12 / " + String((new Date().getFullYear() + 3) % 100);
      form.elements.cvc.value = button.dataset.number.startsWith("37") ? "1234" : "123";
      names.concat("form").forEach((name) => show(name, ""));
      form.elements.number.focus();
    })
  );
  new ResizeObserver(() => tell({ type: "paysite-height", height: document.documentElement.offsetHeight })).observe(
    document.documentElement
  );
  tell({ type: "paysite-ready" });
})();
