// The confirmation page: the button works once (requirement A8).
(() => {
  "use strict";
  const form = document.getElementById("confirm-form");
  const button = document.getElementById("pay-button");
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
  // Back from the status page: only the server knows how the payment stands.
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
})();
