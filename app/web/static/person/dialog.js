// A dialog over the page: the browser keeps the focus inside, Escape closes, and the focus goes back where it was.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";

export function Dialog({ title, onClose, children }) {
  const box = useRef(null);
  const gone = useRef(false); // closed by whoever shows it, who need not be told
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => {
      gone.current = true;
      if (dialog.open) dialog.close(); // gives the focus back
    };
  }, []);
  return html`<dialog ref=${box} aria-label=${title} onClose=${() => gone.current || onClose()}
    onClick=${(e) => e.target === box.current && box.current.close()}>
    <div class="dialog-body">
      <div class="dialog-head">
        <h2>${title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${() => box.current.close()}>✕</button>
      </div>
      ${children}
    </div>
  </dialog>`;
}
