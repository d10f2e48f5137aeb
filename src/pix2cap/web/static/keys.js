// Keys do what the server's table says; the same table draws the help.
import { shell } from './dom.js';

const page = document.documentElement.dataset.page;
const rows = shell.keys.filter((row) => row.page === page || row.page === 'any');
const WRITING = 'input:not([type="radio"], [type="checkbox"]), textarea, select';

// True where a key belongs to what has the focus and not to the page.
function isTaken(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return true;
  const target = event.target instanceof Element ? event.target : document.body;
  if (target.closest(WRITING)) return true;
  const pressing = event.key === 'Enter' || event.key === ' ';
  return pressing && target.closest('button, a, summary, [role="option"]') !== null;
}

export function listen(actions) {
  const table = new Map(rows.map((row) => [row.key, row.action]));
  document.addEventListener('keydown', (event) => {
    if (isTaken(event)) return;
    const action = table.get(event.key);
    const run = action && actions[action];
    if (!run) return;
    if (document.querySelector('dialog[open]') && action !== 'help') return;
    event.preventDefault();
    run(event);
  });
}

// The key of an action, for hints on buttons; null where the table has none.
export const keyOf = (action) => rows.find((row) => row.action === action)?.key ?? null;
