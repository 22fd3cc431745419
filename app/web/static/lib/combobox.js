// A box to search in, with a list of what was found: arrows choose, Enter takes, Escape closes.

import { html, useEffect, useId, useRef, useState } from "../vendor/preact-htm.js";

const PAUSE = 120; // milliseconds without a key before anything is asked for

/**
 * `search(text, signal)` gives [{id, name, note}]; `onPick(found)` takes one of them.
 * `onText(text)` takes what was typed where Enter is pressed and nothing is chosen.
 */
export function Combobox({ label, hint, search, onPick, onText, clear = false, first = false }) {
  const id = useId();
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const [problem, setProblem] = useState(null);
  const box = useRef(null);

  useEffect(() => {
    if (!open || (!text && !first)) {
      setFound(null);
      return undefined;
    }
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const list = await search(text, controller.signal);
        if (controller.signal.aborted) return;
        setFound(list);
        setProblem(null);
        setActive(text && list.length ? 0 : -1);
      } catch (error) {
        if (!controller.signal.aborted) setProblem(error);
      }
    }, text ? PAUSE : 0);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text, open]);

  const close = () => {
    setOpen(false);
    setActive(-1);
  };
  const take = (each) => {
    setText(clear ? "" : each.name);
    close();
    onPick(each);
  };
  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Escape: () => (open ? close() : setText("")),
    Enter: () => {
      if (open && active >= 0 && found?.[active]) take(found[active]);
      else if (text && onText) {
        close();
        onText(text);
      }
    },
  };
  const move = (step) => {
    setOpen(true);
    if (found?.length) setActive((active + step + found.length) % found.length);
  };
  const onKeyDown = (event) => {
    if (!keys[event.key] || (event.key === "Escape" && !open && !text)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  };

  const shown = open && found !== null;
  return html`<div class="combobox" ref=${box} onFocusOut=${(e) => box.current?.contains(e.relatedTarget) || close()}>
    <label for=${id}>${label}</label>
    <input id=${id} type="text" role="combobox" autocomplete="off" spellcheck=${false} placeholder=${hint}
      aria-autocomplete="list" aria-expanded=${String(shown)} aria-controls=${`${id}-list`}
      aria-activedescendant=${shown && active >= 0 ? `${id}-${active}` : undefined} value=${text}
      onInput=${(e) => { setText(e.target.value); setOpen(true); }}
      onFocus=${() => first && setOpen(true)} onClick=${() => setOpen(true)} onKeyDown=${onKeyDown} />
    <ul id=${`${id}-list`} role="listbox" aria-label=${label} hidden=${!shown || !found.length}>
      ${shown && found.map((each, n) => html`<li key=${each.id} id=${`${id}-${n}`} role="option"
        aria-selected=${String(n === active)} onMouseDown=${(e) => { e.preventDefault(); take(each); }}>
        <span>${each.name}</span>${each.note && html`<span class="muted small">${each.note}</span>`}</li>`)}
    </ul>
    <p class="hidden" role="status">${shown ? `${found.length} found` : ""}</p>
    ${shown && !found.length && text && html`<p class="muted small">No match.</p>`}
    ${problem && html`<p class="error small" role="alert">${problem.detail}</p>`}
  </div>`;
}
