// What needs no circuit. The theme is an attribute of the page: what was chosen here before, else what the system prefers.
(() => {
  const key = "nanorecsys.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const show = () => {
    document.documentElement.dataset.theme = stored() ?? (system.matches ? "dark" : "light");
  };

  // A picture that does not load makes way for the drawn one behind it. Errors do not bubble.
  document.addEventListener("error", event => { if (event.target.matches?.("img[data-image]")) event.target.hidden = true; }, true);

  show();
  system.addEventListener("change", show);
  addEventListener("storage", show);
  document.addEventListener("click", event => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(key, next); } catch { /* Storage may be off: the choice lasts for this page. */ }
    document.documentElement.dataset.theme = next;
  });

  // Here and not by the link's address: relative to the site's base it would lead to the first page.
  document.addEventListener("click", event => {
    if (!event.target.closest(".skip-link")) return;
    event.preventDefault();
    document.getElementById("main").focus();
  });
})();
