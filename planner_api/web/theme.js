// Light or dark: as the system wishes, unless the reader chose. A plain script, run before the first
// paint, so that the page never flashes.

(() => {
  const KEY = "shardstream-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  const chosen = () => localStorage.getItem(KEY);
  const current = () => chosen() ?? (system.matches ? "dark" : "light");

  function apply() {
    root.dataset.theme = current();
    const button = document.getElementById("theme");
    if (button) {
      button.setAttribute("aria-pressed", String(current() === "dark"));
    }
    dispatchEvent(new CustomEvent("themechange"));
  }

  function toggle() {
    localStorage.setItem(KEY, current() === "dark" ? "light" : "dark");
    apply();
  }

  system.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === KEY && apply());
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", toggle);
    apply();
  });
  apply();
})();
