// Asking for something while a view is shown: loading, answer or problem; what is asked anew keeps the old answer.

import { useCallback, useEffect, useState } from "../vendor/preact-htm.js";

/** Ask with `ask(signal)`, and again when one of `deps` changes or `reload()` is called. `null` asks for nothing. */
export function useLoad(ask, deps) {
  const [state, set] = useState({ loading: ask !== null, data: null, problem: null });
  const [round, again] = useState(0);
  useEffect(() => {
    if (ask === null) {
      set({ loading: false, data: null, problem: null });
      return undefined;
    }
    const controller = new AbortController();
    set((before) => ({ ...before, loading: true }));
    Promise.resolve()
      .then(() => ask(controller.signal))
      .then(
        (data) => controller.signal.aborted || set({ loading: false, data, problem: null }),
        (problem) => controller.signal.aborted || set({ loading: false, data: null, problem }),
      );
    return () => controller.abort();
  }, [...deps, round]);
  return { ...state, reload: useCallback(() => again((n) => n + 1), []) };
}

/** Do something once when asked to: `run(...)` gives its answer, or null where it failed. */
export function useDo(act) {
  const [state, set] = useState({ busy: false, problem: null });
  const run = async (...given) => {
    set({ busy: true, problem: null });
    try {
      const answer = await act(...given);
      set({ busy: false, problem: null });
      return answer ?? true;
    } catch (problem) {
      set({ busy: false, problem });
      return null;
    }
  };
  return { ...state, run };
}
