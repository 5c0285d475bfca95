// Works without a circuit. The theme is an attribute of the page: the last choice, or the system's preference.
(() => {
  const key = "nanorecsys.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const show = () => {
    document.documentElement.dataset.theme = stored() ?? (system.matches ? "dark" : "light");
  };

  // Removes a picture that fails to load, to show the drawn one behind it. Errors do not bubble.
  document.addEventListener("error", event => { if (event.target.matches?.("img[data-image]")) event.target.hidden = true; }, true);

  show();
  system.addEventListener("change", show);
  addEventListener("storage", show);
  document.addEventListener("click", event => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(key, next); } catch { /* Storage may be disabled: the choice then lasts for this page. */ }
    document.documentElement.dataset.theme = next;
  });

  // Handled here because the link's address, relative to the site's base, would lead to the first page.
  document.addEventListener("click", event => {
    if (!event.target.closest(".skip-link")) return;
    event.preventDefault();
    document.getElementById("main").focus();
  });
})();
