"use strict";
// Before anything is drawn: what was chosen last time, so that no other colour flashes up.
try {
  const chosen = localStorage.getItem("ktup-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is closed: the system's colours stay.
}
